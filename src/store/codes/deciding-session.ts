import type { Fragment, ISql } from 'postgres'

type Deciding = Readonly<{
  user_id: string
  session_id: string
  client_id: string
  /** The consent that the decision rests on; null: none is needed. */
  consent_version: number | null
}>

/**
 * CTE `session`: the browser session in which a person has decided, as it is now; no row unless the account, the session and the consent
 * live. The account's row is held: a deletion under way is waited for.
 */
export const decidingSession = (
  sql: ISql,
  { user_id, session_id, client_id, consent_version }: Deciding,
): Fragment => sql`
  session as materialized (
    select s.user_id, s.credential_epoch, s.auth_time, s.amr
    from signet.users u
    join signet.browser_sessions s on s.user_id = u.id and s.credential_epoch = u.credential_epoch
    where u.id = ${user_id}
      and u.disabled_at is null
      and s.id = ${session_id}
      and least(s.idle_expires_at, s.expires_at) > statement_timestamp()
      and (
        ${consent_version}::int is null
        or exists (
          select from signet.consents
          where user_id = ${user_id} and client_id = ${client_id} and version = ${consent_version}::int
        )
      )
    for share of u
  )`
