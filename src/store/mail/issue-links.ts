import type { Sql } from 'postgres'
import { LINK_KEPT_SECONDS, LINK_SECONDS, type LinkPurpose } from '../../domain/account/email-link.ts'
import type { EmailLinks, IssuedLink, NewLink } from '../../ports/mail.ts'
import { findNamed, giveExpiringNames, isFree, isNamed, orNone } from '../accounts/names.ts'
import type { Caller, Database } from '../postgres/index.ts'
import { inTwoPhases, ofPerson } from '../schema/caller-forms.ts'
import { bindingOf } from '../schema/link-predicates.ts'

/** The statements do not wait for a concurrent password change: the link is then bound to the former password and void. */
export const createIssueLinks = (
  database: Database,
): Pick<EmailLinks, 'issueReset' | 'issueVerification' | 'issueChange'> => ({
  issueReset: async ({ email, link, pepper_ids }) => {
    const named = await findNamed(database, { kind: 'email', value: email })
    const rows = database.run(
      (sql, caller) => sql<IssuedLink[]>`
        with ${inTwoPhases(sql, caller)}
        account as (
          select id, email, credential_epoch, password_digest, language, ${'reset_password' satisfies LinkPurpose}::text as purpose
          from signet.users
          where email = ${email} and ${isNamed(sql, sql`id`, named)} and disabled_at is null
          for key share
        ),
        ${keepOrReplace(sql, caller, { user_id: named, link, pepper_ids })}`,
      `address:${email}`,
    )
    const [addressee] = await orNone(named, rows)
    return addressee ?? null
  },

  issueVerification: async ({ account_id, email, link, pepper_ids }) => {
    const [addressee] = await database.run(
      (sql, caller) => sql<IssuedLink[]>`
        with ${inTwoPhases(sql, caller)}
        account as (
          select id, email, credential_epoch, password_digest, language, ${'verify_email' satisfies LinkPurpose}::text as purpose
          from signet.users
          where id = ${account_id} and email = ${email} and email_verified_at is null and disabled_at is null
          for key share
        ),
        ${keepOrReplace(sql, caller, { user_id: account_id, link, pepper_ids })}`,
      `account:${account_id}`,
    )
    return addressee ?? null
  },

  issueChange: async ({ account_id, credential_epoch, new_email, link, pepper_ids }) => {
    const named = await findNamed(database, { kind: 'email', value: new_email })
    const [addressee] = await database.run(
      (sql, caller) => sql<IssuedLink[]>`
        with ${inTwoPhases(sql, caller)}
        account as (
          select id, ${new_email}::text as email, credential_epoch, password_digest, language, ${'change_email' satisfies LinkPurpose}::text as purpose
          from signet.users
          where id = ${account_id}
            and credential_epoch = ${credential_epoch}
            and disabled_at is null
            and ${isFree(sql, { email: new_email, user_id: named })}
          for key share
        ),
        ${keepOrReplace(sql, caller, { user_id: account_id, link, pepper_ids })}`,
      `account:${account_id}`,
    )
    return addressee ?? null
  },
})

type Issue = Readonly<{
  /** The person of the CTE `account`; null: not known. */
  user_id: string | null
  link: NewLink
  pepper_ids: readonly number[]
}>

/**
 * Ours – Stores a link, or keeps the present one when it was issued recently, so that the same link is mailed again. A replaced link stays
 * valid until its expiry: at most two links of one purpose live, because the older one has expired before a third can be issued. Repeated
 * requests of a stranger therefore void no link that a person is about to follow. A link of another address or password is replaced. On
 * Citus, a link that is stored gets a name, and the one that it replaces keeps its name.
 */
const keepOrReplace = (
  sql: Sql,
  caller: Caller,
  { user_id, link: { digest, seed, pepper_id }, pepper_ids }: Issue,
) => {
  // `excluded` expires LINK_SECONDS from now, and stands for the time, because Citus refuses a function of the time here.
  const isLivingFor = (seconds: number) =>
    sql`link.expires_at - excluded.expires_at > make_interval(secs => ${seconds - LINK_SECONDS})`
  // The present link has this binding and address, was written by this version, and has not expired.
  const isAlike = sql`
    link.bound_digest = link.digest and link.binding = excluded.binding and link.email = excluded.email
    and ${isLivingFor(0)}`
  // The present link was issued recently, under a pepper that is still configured, and is mailed again.
  const isKept = sql`(
    ${isAlike}
    and link.pepper_id = any(${[...pepper_ids]}::int[])
    and ${isLivingFor(LINK_KEPT_SECONDS)}
  )`
  const binding = bindingOf(sql, {
    purpose: sql`account.purpose`,
    epoch: sql`account.credential_epoch`,
    password: sql`account.password_digest`,
  })
  return sql`
    issued as (
      insert into signet.email_links as link (
        user_id, purpose, digest, email, credential_epoch, expires_at, seed, pepper_id, binding, bound_digest
      )
      select
        id, purpose, ${digest}, email, credential_epoch, statement_timestamp() + make_interval(secs => ${LINK_SECONDS}),
        ${seed}, ${pepper_id}, ${binding}, ${digest}
      from ${ofPerson(sql, caller, { user_id, rows: sql`account`, column: sql`id` })}
      on conflict (user_id, purpose) do update
      set digest = case when ${isKept} then link.digest else excluded.digest end,
        seed = case when ${isKept} then link.seed else excluded.seed end,
        pepper_id = case when ${isKept} then link.pepper_id else excluded.pepper_id end,
        bound_digest = case when ${isKept} then link.bound_digest else excluded.bound_digest end,
        expires_at = case when ${isKept} then link.expires_at else excluded.expires_at end,
        previous_digest = case
          when ${isKept} then link.previous_digest when ${isAlike} then link.digest
        end,
        previous_expires_at = case
          when ${isKept} then link.previous_expires_at when ${isAlike} then link.expires_at
        end,
        email = excluded.email,
        credential_epoch = excluded.credential_epoch,
        binding = excluded.binding
      returning link.user_id, link.digest, link.email, link.seed, link.pepper_id, link.expires_at
    ),
    ${giveExpiringNames(
      sql,
      caller,
      sql`
        select 'link', encode(issued.digest, 'hex'), issued.user_id, issued.expires_at
        from issued
        where issued.digest = ${digest}`,
    )}
    mailed as (
      select
        account.id as account_id, account.language, issued.email, issued.seed, issued.pepper_id,
        floor(extract(epoch from issued.expires_at - statement_timestamp()) / 60)::int as minutes
      from account, issued
    )
    select * from mailed`
}
