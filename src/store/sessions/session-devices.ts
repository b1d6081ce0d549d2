import type { SessionLifetimes } from '../../domain/sign-in/browser-session.ts'
import type { SessionDevice } from '../../domain/sign-in/sign-in.ts'
import type { BrowserSessions } from '../../ports/authorization.ts'
import { signInsEnded, writeEventsOf } from '../events/write-events.ts'
import { onHeldAccount } from '../families/end-families.ts'
import {
  type EndedBatch,
  endInBatches,
  endSelectedFamilies,
  isLastBatch,
} from '../families/end-selected-families.ts'
import type { Database } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { endsWithSession, isLivingFamily, outlivesSession } from '../schema/family-predicates.ts'

/** More lines than a person reads. What is left out is ended by the sign-out everywhere else. */
const LINES_AT_MOST = 100

/** The idle expiry tells when a session was used last, to the minute by which it is moved. */
export const createListSessionDevices =
  (database: Database, { idle_seconds }: SessionLifetimes): BrowserSessions['listWithoutSignIn'] =>
  user_id =>
    database.run(
      sql => sql<SessionDevice[]>`
        select
          s.id, s.created_at, s.last_ip, s.last_user_agent,
          greatest(s.auth_time, s.idle_expires_at - make_interval(secs => ${idle_seconds})) as last_used_at
        from signet.browser_sessions s
        join signet.users u on u.id = s.user_id and u.credential_epoch = s.credential_epoch
        where s.user_id = ${user_id}
          and least(s.idle_expires_at, s.expires_at) > statement_timestamp()
          and not exists (
            select
            from signet.refresh_families f
            where f.user_id = s.user_id
              and f.session_id = s.id
              and f.credential_epoch = u.credential_epoch
              and ${isLivingFamily(sql)}
          )
        order by last_used_at desc, s.id desc
        limit ${LINES_AT_MOST}`,
    )

/** The families of one client and one browser session are one sign-in to their person. */
export const createEndDevice =
  (database: Database, access_token_seconds: number): BrowserSessions['endDevice'] =>
  async ({ user_id, id, keep_session }) =>
    (await endInBatches(() =>
      onHeldAccount(
        database,
        user_id,
        (sql, caller) => sql<EndedBatch[]>`
          with ${inTwoPhases(sql, caller)}
          named as materialized (
            select session_id, client_id
            from signet.refresh_families
            where id = ${id} and user_id = ${user_id}
          ),
          session as materialized (
            select s.id
            from signet.browser_sessions s
            where s.user_id = ${user_id}
              and s.id <> ${keep_session}
              and (s.id = ${id} or s.id = (select session_id from named))
          ),
          ${endSelectedFamilies(sql, caller, {
            user_id,
            condition: sql`
              (
                f.id = ${id}
                or (f.session_id, f.client_id) in (select session_id, client_id from named)
                or f.session_id = (select id from session) and ${endsWithSession(sql)}
              )`,
            told_too: sql`f.session_id = (select id from session) and ${outlivesSession(sql)}`,
            reason: 'signed_out',
            access_token_seconds,
          })},
          gone as (
            delete from signet.browser_sessions s
            using session
            where s.user_id = ${user_id} and s.id = session.id and ${isLastBatch(sql)}
            returning s.id
          ),
          ${writeEventsOf(sql, caller, user_id, [
            { kind: 'session.ended', from: sql`gone`, user_id },
            signInsEnded(sql, 'signed_out'),
          ])}
          select array(select id::text from ended) as ended, ${isLastBatch(sql)} as is_last`,
      ),
    )) ?? []
