import type { Fragment, ISql } from 'postgres'
import type { LogoutNotice } from '../../domain/oauth/client.ts'
import type { Lifetimes, RefreshTransport } from '../../domain/sign-in/refresh-family.ts'

const BODY: RefreshTransport = 'body'

type Buying = Readonly<{
  lifetimes: Lifetimes
  /** How the client learns of the end of a sign-in with `openid`; null: not at all. */
  logout_notice: LogoutNotice | null | Fragment
  /** The browser session that the family belongs to; by default the one of the code. */
  session_id?: Fragment
  /** The person; by default the one of the code. */
  user_id?: Fragment
  /** Further columns of `judged`, each behind a comma. By default none. */
  columns?: Fragment
}>

/**
 * CTE `origin`: what `openFamily` opens the family of a code with, of the CTE `judged`; no row unless its verdict is `redeemed`. A family
 * without a refresh token expires with its access token; where its client is told of its end, it does so by the idle expiry, and the row
 * stays for the end of its session.
 */
export const boughtOrigin = (
  sql: ISql,
  { lifetimes, logout_notice, session_id = sql`session_id`, user_id = sql`user_id`, columns = sql`` }: Buying,
): Fragment => {
  const { idle_seconds, max_seconds, access_token_seconds } = lifetimes
  return sql`
    origin as materialized (
      select
        ${user_id} as user_id, credential_epoch, client_id, scope, audience, ${session_id} as session_id,
        ${BODY}::text as refresh_transport, auth_time as proved_at, amr as proved_by, claims,
        case when is_refreshable then ${idle_seconds}::int else ${access_token_seconds}::int end as idle_seconds,
        statement_timestamp() + make_interval(
          secs => case when is_refreshable or ${logout_notice}::text is not null
            then ${max_seconds}::int else ${access_token_seconds}::int end
        ) as expires_at,
        case when 'openid' = any(string_to_array(scope, ' ')) then ${logout_notice}::text end as logout_notice${columns}
      from judged
      where verdict = 'redeemed'
    )`
}
