import type { Fragment, ISql } from 'postgres'
import { DELIVERY_SECONDS, type DeliveryKind } from '../../domain/outbound/delivery.ts'

const BACKCHANNEL_LOGOUT: DeliveryKind = 'backchannel_logout'

/**
 * OpenID Connect Back-Channel Logout §2.5 – CTE `notices`: a delivery for each sign-in of the CTE `ended (id)` whose client is told of its
 * end. Columns of a family that are read here never change, so that the row of before the statement will do.
 */
export const writeLogoutNotices = (sql: ISql, ended: Fragment = sql`ended`): Fragment =>
  insertNotices(sql, { ended, sid: sql`f.id` })

/**
 * CTE `notices` where everything of a person ends: one delivery without a `sid` for each client. A client that is registered for a `sid`,
 * and a client of the CTE `spared (client_id)`, at which another sign-in of the person goes on, get a delivery for each `sid`. The ended
 * sign-ins come from the CTE `ended (id)`.
 */
export const writeLogoutNoticesOfPerson = (
  sql: ISql,
  { ended = sql`ended`, spared = null }: Readonly<{ ended?: Fragment; spared?: Fragment | null }> = {},
): Fragment =>
  insertNotices(sql, {
    ended,
    sid: sql`
      case
        when f.logout_notice = 'session' then f.id
        ${spared === null ? sql`` : sql`when f.client_id in (select client_id from ${spared}) then f.id`}
      end`,
  })

const insertNotices = (
  sql: ISql,
  { ended, sid }: Readonly<{ ended: Fragment; sid: Fragment }>,
): Fragment => sql`
  notices as (
    insert into signet.deliveries (user_id, kind, receiver, sid, expires_at)
    select distinct
      f.user_id, ${BACKCHANNEL_LOGOUT}::text, f.client_id, ${sid},
      statement_timestamp() + make_interval(secs => ${DELIVERY_SECONDS})
    from ${ended} as told
    join signet.refresh_families f on f.id = told.id
    where f.logout_notice is not null
  )`
