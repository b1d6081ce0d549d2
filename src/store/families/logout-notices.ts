import type { Fragment, ISql } from 'postgres'
import { DELIVERY_SECONDS, type DeliveryKind } from '../../domain/outbound/delivery.ts'

const BACKCHANNEL_LOGOUT: DeliveryKind = 'backchannel_logout'

/**
 * OpenID Connect Back-Channel Logout §2.5 – CTE `notices`: a delivery for each sign-in of the CTE `ended (id, user_id, client_id,
 * logout_notice)` whose client is told of its end.
 */
export const writeLogoutNotices = (sql: ISql, ended: Fragment = sql`ended`): Fragment =>
  insertNotices(sql, { ended, sid: sql`told.id` })

/**
 * CTE `notices` where everything of a person ends: one delivery without a `sid` for each client. A client that is registered for a `sid`,
 * and a client of the CTE `spared (client_id)`, at which another sign-in of the person goes on, get a delivery for each `sid`. The ended
 * sign-ins come from the CTE `ended (id, user_id, client_id, logout_notice)`.
 */
export const writeLogoutNoticesOfPerson = (
  sql: ISql,
  { ended = sql`ended`, spared = null }: Readonly<{ ended?: Fragment; spared?: Fragment | null }> = {},
): Fragment =>
  insertNotices(sql, {
    ended,
    sid: sql`
      case
        when told.logout_notice = 'session' then told.id
        ${spared === null ? sql`` : sql`when told.client_id in (select client_id from ${spared}) then told.id`}
      end`,
  })

/** `distinct` is in a subquery: Citus adds the drawn `id` to the columns of the query that is inserted, which makes each row distinct. */
const insertNotices = (
  sql: ISql,
  { ended, sid }: Readonly<{ ended: Fragment; sid: Fragment }>,
): Fragment => sql`
  notices as (
    insert into signet.deliveries (user_id, kind, receiver, sid, expires_at)
    select user_id, ${BACKCHANNEL_LOGOUT}::text, client_id, sid, statement_timestamp() + make_interval(secs => ${DELIVERY_SECONDS})
    from (
      select distinct told.user_id, told.client_id, ${sid} as sid
      from ${ended} as told
      where told.logout_notice is not null
    ) notice
  )`
