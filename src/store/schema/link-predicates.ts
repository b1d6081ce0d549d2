import type { Fragment, ISql } from 'postgres'
import type { LinkPurpose } from '../../domain/account/email-link.ts'

export const VERIFY_EMAIL: LinkPurpose = 'verify_email'
export const CHANGE_EMAIL: LinkPurpose = 'change_email'

type Of = Readonly<{ purpose: Fragment; epoch: Fragment; password: Fragment }>

/**
 * Ours – What a link of this purpose is bound to beside the address: the password, and for a change of the e-mail the credential epoch
 * too. Not the epoch alone: a thief raises it by ending other sign-ins, and must not be able to void the owner's reset.
 */
export const bindingOf = (sql: ISql, { purpose, epoch, password }: Of): Fragment => sql`
  sha256(convert_to(
    case when ${purpose} = ${CHANGE_EMAIL} then ${epoch}::text else '' end || ':' || coalesce(${password}, ''), 'UTF8'
  ))`

/** Of `email_links link`: true for the row of this token, be it the newer or the older of its two. */
export const isOfToken = (sql: ISql, digest: Uint8Array): Fragment =>
  sql`(link.digest = ${digest} or link.previous_digest = ${digest})`

export const isLiving = (sql: ISql, digest: Uint8Array): Fragment => sql`
  case when link.digest = ${digest} then link.expires_at else link.previous_expires_at end > statement_timestamp()`

/** Of `email_links link` and `users u`. A link of the version before is bound to the credential epoch. */
export const isBound = (sql: ISql, digest: Uint8Array): Fragment => sql`
  case
    when link.bound_digest = link.digest then link.binding = ${bindingOf(sql, {
      purpose: sql`link.purpose`,
      epoch: sql`u.credential_epoch`,
      password: sql`u.password_digest`,
    })}
    else link.digest = ${digest} and link.credential_epoch = u.credential_epoch
  end`
