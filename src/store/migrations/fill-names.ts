import type { TransactionSql } from 'postgres'
import type { PLACEMENTS } from '../schema/distribution.ts'

type Fill = (sql: TransactionSql) => Promise<unknown>

/**
 * Ours (docs/decisions/0069) – Fills `account_names` with the names in a table, before the table is distributed. The caller holds a lock on
 * the table, so that no name is missed. Values have the form of domain/account/account-name.ts.
 */
export const fillNames: Readonly<Partial<Record<keyof typeof PLACEMENTS, Fill>>> = {
  // An account that is being deleted has no address any more (see deleteInBatches).
  users: sql => sql`
    insert into signet.account_names (kind, value, user_id)
    select 'email', email, id from signet.users where email <> 'deleted ' || id::text
    union all
    select 'external_id', external_id, id from signet.users where external_id is not null`,
  passkeys: sql => sql`
    insert into signet.account_names (kind, value, user_id)
    select 'passkey', id, user_id from signet.passkeys`,
  upstream_identities: sql => sql`
    insert into signet.account_names (kind, value, user_id)
    select 'identity', issuer || ' ' || subject, user_id from signet.upstream_identities`,
  // The former link of a person stays valid beside the newer one.
  email_links: sql => sql`
    insert into signet.account_names (kind, value, user_id, expires_at)
    select 'link', encode(digest, 'hex'), user_id, expires_at
    from signet.email_links
    where expires_at > statement_timestamp()
    union all
    select 'link', encode(previous_digest, 'hex'), user_id, previous_expires_at
    from signet.email_links
    where previous_expires_at > statement_timestamp()`,
}
