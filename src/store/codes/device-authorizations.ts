import {
  DEVICE_CODE_SECONDS,
  POLL_SECONDS,
  type UndecidedDevice,
} from '../../domain/authorization/device-code.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { DeviceAuthorizations } from '../../ports/device-authorizations.ts'
import { jsonText } from '../families/open-family.ts'
import type { Database } from '../postgres/index.ts'
import { decidingSession } from './deciding-session.ts'
import { createRedeemDeviceCode, deviceRow } from './redeem-device-code.ts'

/** RFC 8628 – What devices have asked for, and what people decided. */
export const createDeviceAuthorizations = (
  database: Database,
  lifetimes: Lifetimes,
): DeviceAuthorizations => ({
  add: async ({ digest, user_code, client_id, scope, audience, source }) => {
    const added = await database.run(
      sql => sql`
        insert into signet.device_authorizations (
          digest, user_code, client_id, scope, audience, ip, user_agent, expires_at, interval_seconds
        )
        values (
          ${digest}, ${user_code}, ${client_id}, ${scope}, ${audience}::text[], ${source.ip}, ${source.user_agent},
          statement_timestamp() + make_interval(secs => ${DEVICE_CODE_SECONDS}), ${POLL_SECONDS}
        )
        on conflict (user_code) do nothing
        returning digest`,
    )
    return added.length > 0
  },

  findUndecided: async user_code => {
    const [found] = await database.run(
      sql => sql<UndecidedDevice[]>`
        select digest, client_id, scope, audience, ip, user_agent, created_at
        from signet.device_authorizations
        where user_code = ${user_code} and is_allowed is null and expires_at > statement_timestamp()`,
    )
    return found ?? null
  },

  allow: createAllow(database),

  deny: async digest => {
    const denied = await database.run(
      sql => sql`
        update signet.device_authorizations
        set is_allowed = false
        where digest = ${digest} and is_allowed is null and expires_at > statement_timestamp()
        returning digest`,
      deviceRow(digest),
    )
    return denied.length > 0
  },

  findAllowed: async ({ digest, client_id }) => {
    const [found] = await database.run(
      sql => sql<{ user_id: string; scope: string; audience: string[] }[]>`
        select user_id, scope, audience
        from signet.device_authorizations
        where digest = ${digest}
          and client_id = ${client_id}
          and is_allowed
          and spent_at is null
          and expires_at > statement_timestamp()`,
    )
    return found ?? null
  },

  redeem: createRedeemDeviceCode(database, lifetimes),
})

/** RFC 8628 §3.3 – The account's row is held, before that of the device: a deletion under way is waited for. The redemption judges all of it again. */
const createAllow =
  (database: Database): DeviceAuthorizations['allow'] =>
  async ({ digest, user_id, session_id, client_id, scope, consent_version, isRefreshable, claims }) => {
    const allowed = await database.run(
      sql => sql`
        with ${decidingSession(sql, { user_id, session_id, client_id, consent_version })}
        update signet.device_authorizations d
        set is_allowed = true, user_id = ${user_id}, credential_epoch = session.credential_epoch,
          auth_time = session.auth_time, amr = session.amr, scope = ${scope},
          consent_version = ${consent_version}::int, is_refreshable = ${isRefreshable}::boolean,
          claims = ${jsonText(claims)}::text::jsonb
        from session
        where d.digest = ${digest}
          and d.client_id = ${client_id}
          and d.is_allowed is null
          and d.expires_at > statement_timestamp()
        returning d.digest`,
      `account:${user_id}`,
    )
    return allowed.length > 0
  }
