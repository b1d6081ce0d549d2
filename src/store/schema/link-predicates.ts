import type { Fragment, ISql } from 'postgres'
import type { LinkPurpose } from '../../domain/account/email-link.ts'

export const VERIFY_EMAIL: LinkPurpose = 'verify_email'
export const CHANGE_EMAIL: LinkPurpose = 'change_email'

type Of = Readonly<{ purpose: Fragment; epoch: Fragment; password: Fragment }>

/**
 * Ours – The binding of a link beside its address: the password, and for a change of the e-mail also the credential epoch. Other links are
 * not bound to the epoch, because a thief could raise it by ending other sign-ins and so void the owner's reset.
 */
export const bindingOf = (sql: ISql, { purpose, epoch, password }: Of): Fragment => sql`
  sha256(convert_to(
    case when ${purpose} = ${CHANGE_EMAIL} then ${epoch}::text else '' end || ':' || coalesce(${password}, ''), 'UTF8'
  ))`

/** On `email_links link`: true for the row whose newer or older link has this token. */
export const isOfToken = (sql: ISql, digest: Uint8Array): Fragment =>
  sql`(link.digest = ${digest} or link.previous_digest = ${digest})`

/** On `email_links link`: true until the link of this token expires. */
export const isLiving = (sql: ISql, digest: Uint8Array): Fragment => sql`
  case when link.digest = ${digest} then link.expires_at else link.previous_expires_at end > statement_timestamp()`

/** On `email_links link` and `users u`: true while the binding matches the account. A link of the version before is bound to the epoch. */
export const isBound = (sql: ISql, digest: Uint8Array): Fragment => sql`
  case
    when link.bound_digest = link.digest then link.binding = ${bindingOf(sql, {
      purpose: sql`link.purpose`,
      epoch: sql`u.credential_epoch`,
      password: sql`u.password_digest`,
    })}
    else link.digest = ${digest} and link.credential_epoch = u.credential_epoch
  end`
