import type { Sql } from 'postgres'
import { LINK_SECONDS } from '../domain/email-link.ts'
import type { Addressee } from '../domain/mail.ts'
import type { Lifetimes } from '../domain/refresh-family.ts'
import type { EmailLinks } from '../ports/mail.ts'
import { codeOf } from './away.ts'
import type { Database } from './database.ts'
import { onAccountOfLink } from './end-families.ts'
import { createRedeemReset } from './redeem-reset.ts'

/** SQLSTATE unique_violation. */
const TAKEN = '23505'

/**
 * Ours – Every verb is atomic. Of several that come with one link, the first deletes the row and the others, who waited for the
 * account, find none. The link must still be of the address and the epoch that the account has: judged on the account's row
 * while it is held, so that a password change at the same moment wins or loses as a whole.
 */
export const createEmailLinks = (database: Database, lifetimes: Lifetimes): EmailLinks => ({
  ...createIssue(database),
  find: createFind(database),
  redeemVerification: createRedeemVerification(database),
  redeemReset: createRedeemReset(database, lifetimes),
  redeemChange: createRedeemChange(database),
})

const createIssue = (
  database: Database,
): Pick<EmailLinks, 'issueReset' | 'issueVerification' | 'issueChange'> => ({
  issueReset: async ({ email, digest }) => {
    const [addressee] = await database.run(
      sql => sql<Addressee[]>`
        with account as (
          select id, email, credential_epoch, language, 'reset_password' as purpose
          from users
          where email = ${email} and disabled_at is null
          for key share
        )
        ${replaceLink(sql, digest)}`,
    )
    return addressee ?? null
  },

  issueVerification: async ({ account_id, email, digest }) => {
    const [addressee] = await database.run(
      sql => sql<Addressee[]>`
        with account as (
          select id, email, credential_epoch, language, 'verify_email' as purpose
          from users
          where id = ${account_id} and email = ${email} and email_verified_at is null and disabled_at is null
          for key share
        )
        ${replaceLink(sql, digest)}`,
    )
    return addressee ?? null
  },

  issueChange: async ({ account_id, credential_epoch, new_email, digest }) => {
    const [addressee] = await database.run(
      sql => sql<Addressee[]>`
        with account as (
          select id, ${new_email}::text as email, credential_epoch, language, 'change_email' as purpose
          from users
          where id = ${account_id}
            and credential_epoch = ${credential_epoch}
            and disabled_at is null
            and not exists (select from users where email = ${new_email})
          for key share
        )
        ${replaceLink(sql, digest)}`,
    )
    return addressee ?? null
  },
})

const replaceLink = (sql: Sql, digest: Uint8Array) => sql`
  , replaced as (
    insert into email_links as link (user_id, purpose, digest, email, credential_epoch, expires_at)
    select
      id, purpose, ${digest}, email, credential_epoch, statement_timestamp() + make_interval(secs => ${LINK_SECONDS})
    from account
    on conflict (user_id, purpose) do update
    set digest = excluded.digest,
      email = excluded.email,
      credential_epoch = excluded.credential_epoch,
      expires_at = excluded.expires_at
    returning link.email
  )
  select account.id as account_id, replaced.email, account.language
  from account, replaced`

const createFind =
  (database: Database): EmailLinks['find'] =>
  async digest => {
    const [link] = await database.run(
      sql => sql<NonNullable<Awaited<ReturnType<EmailLinks['find']>>>[]>`
        select link.purpose, link.email
        from email_links link
        join users u on u.id = link.user_id and u.credential_epoch = link.credential_epoch
        where link.digest = ${digest}
          and link.expires_at > statement_timestamp()
          and (link.purpose = 'change_email' or link.email = u.email)
          and u.disabled_at is null`,
    )
    return link ?? null
  }

const createRedeemVerification =
  (database: Database): EmailLinks['redeemVerification'] =>
  async digest => {
    const [addressee] = await onAccountOfLink(
      database,
      digest,
      sql => sql<Addressee[]>`
        with link as (
          delete from email_links
          where digest = ${digest} and purpose = 'verify_email' and expires_at > statement_timestamp()
          returning user_id, email, credential_epoch
        )
        update users u
        set email_verified_at = coalesce(u.email_verified_at, statement_timestamp())
        from link
        where u.id = link.user_id
          and u.email = link.email
          and u.credential_epoch = link.credential_epoch
          and u.disabled_at is null
        returning u.id as account_id, u.email, u.language`,
    )
    return addressee ?? null
  }

const createRedeemChange =
  (database: Database): EmailLinks['redeemChange'] =>
  async digest => {
    try {
      const [addressee] = await onAccountOfLink(
        database,
        digest,
        sql => sql<Addressee[]>`
          with link as (
            delete from email_links l
            using users u
            where l.digest = ${digest}
              and l.purpose = 'change_email'
              and l.expires_at > statement_timestamp()
              and u.id = l.user_id
            returning l.user_id, l.email, l.credential_epoch, u.email as old_email
          ),
          account as (
            update users u
            set email = link.email, email_verified_at = statement_timestamp()
            from link
            where u.id = link.user_id
              and u.email = link.old_email
              and u.credential_epoch = link.credential_epoch
              and u.disabled_at is null
            returning u.id, link.old_email, u.language
          ),
          others as (
            delete from email_links l
            using account
            where l.user_id = account.id and l.purpose <> 'change_email'
          )
          select id as account_id, old_email as email, language from account`,
      )
      return addressee ?? null
    } catch (error) {
      if (codeOf(error) === TAKEN) return 'taken'
      throw error
    }
  }
