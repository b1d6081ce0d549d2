import type { Fragment, ISql } from 'postgres'
import type { Account } from '../../domain/account/account.ts'
import type { Consent } from '../../domain/authorization/consent.ts'
import type {
  BrowserSession,
  PresentedSession,
  SessionLifetimes,
} from '../../domain/sign-in/browser-session.ts'
import type { EndReason } from '../../domain/sign-in/refresh-family.ts'
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
import { accountColumns } from '../schema/account-columns.ts'
import { inTwoPhases, ofPerson } from '../schema/caller-forms.ts'
import { endsWithSession, outlivesSession } from '../schema/family-predicates.ts'
import { createEndDevice, createListSessionDevices } from './session-devices.ts'

type Lifetimes = Readonly<{ session: SessionLifetimes; access_token_seconds: number }>

/** The idle expiry is moved when it could move by this much: half of a short one, so that use keeps every session alive. */
const MOVED_SECONDS = 60

const SIGNED_OUT: EndReason = 'signed_out'

export const createBrowserSessions = (
  database: Database,
  { session: lifetimes, access_token_seconds }: Lifetimes,
): BrowserSessions => {
  const end = createEndSession(database, access_token_seconds)
  return {
    open: createOpenSession(database, lifetimes, end),
    find: createFindSession(database, lifetimes),
    findAtClient: createFindAtClient(database, lifetimes),
    end,
    listWithoutSignIn: createListSessionDevices(database, lifetimes),
    endDevice: createEndDevice(database, access_token_seconds),
  }
}

type Row = Account & Readonly<{ session_id: string; auth_time: Date; amr: readonly string[] }>

const toSession = ({ session_id, auth_time, amr, ...account }: Row): BrowserSession => ({
  id: session_id,
  account,
  auth_time,
  amr,
})

/**
 * The account's row is held while the session is written: a password change under way is waited for and then seen. The row of the
 * session that goes on is locked first, so that of two sign-ins in one browser the second one finds the secret changed, and gets a
 * session of its own. The session of another person lies under that person's key, and is ended by a second statement.
 */
const createOpenSession =
  (
    database: Database,
    { idle_seconds, max_seconds }: SessionLifetimes,
    end: BrowserSessions['end'],
  ): BrowserSessions['open'] =>
  async ({ id, digest, user_id, credential_epoch, amr, auth_time = null, replaces, source }) => {
    const former_digest = replaces?.user_id === user_id ? replaces.digest : null
    const [row] = await database.run(
      (sql, caller) => sql<Row[]>`
        with account as materialized (
          select ${accountColumns(sql)}
          from signet.users u
          where u.id = ${user_id} and u.credential_epoch = ${credential_epoch} and u.disabled_at is null
          for share
        ),
        former as materialized (
          select s.id
          from signet.browser_sessions s
          where s.user_id = ${user_id}
            and s.digest = ${former_digest}::bytea
            and s.credential_epoch = ${credential_epoch}
            and least(s.idle_expires_at, s.expires_at) > statement_timestamp()
          for update
        ),
        opened as (
          insert into signet.browser_sessions as session (
            user_id, id, digest, credential_epoch, auth_time, amr, idle_expires_at, expires_at, last_ip, last_user_agent
          )
          select
            id, coalesce((select id from former), ${id}::uuid), ${digest}, credential_epoch,
            least(to_timestamp(${auth_time}::double precision), statement_timestamp()),
            ${amr}::text[], statement_timestamp() + make_interval(secs => ${Math.min(idle_seconds, max_seconds)}),
            statement_timestamp() + make_interval(secs => ${max_seconds}), ${source.ip}, ${source.user_agent}
          from ${ofPerson(sql, caller, { user_id, rows: sql`account`, column: sql`id` })}
          on conflict (user_id, id) do update
          set digest = excluded.digest,
            credential_epoch = excluded.credential_epoch,
            auth_time = excluded.auth_time,
            amr = excluded.amr,
            idle_expires_at = excluded.idle_expires_at,
            expires_at = excluded.expires_at,
            last_ip = excluded.last_ip,
            last_user_agent = excluded.last_user_agent
          returning session.user_id, session.id as session_id, session.auth_time, session.amr
        ),
        ${writeEventsOf(sql, caller, user_id, [
          {
            kind: 'session.opened',
            from: sql`opened`,
            user_id: sql`opened.user_id`,
            details: sql`jsonb_build_object('amr', opened.amr)`,
          },
        ])}
        select account.*, opened.session_id, opened.auth_time, opened.amr
        from opened, account`,
      `account:${user_id}`,
    )
    if (row === undefined) return null
    const isOfAnother = replaces !== null && replaces.user_id !== user_id
    return { ...toSession(row), ended: (isOfAnother ? await end(replaces) : null) ?? [] }
  }

const createFindSession =
  (database: Database, { idle_seconds }: SessionLifetimes): BrowserSessions['find'] =>
  async presented => {
    const [row] = await database.run(
      sql => sql<Row[]>`
        with ${livingSession(sql, { ...presented, idle_seconds })}
        select * from session`,
    )
    return row === undefined ? null : toSession(row)
  }

const createFindAtClient =
  (database: Database, { idle_seconds }: SessionLifetimes): BrowserSessions['findAtClient'] =>
  async ({ client_id, ...presented }) => {
    const [row] = await database.run(
      sql => sql<(Row & { [Member in keyof Consent]: Consent[Member] | null })[]>`
        with ${livingSession(sql, { ...presented, idle_seconds })}
        select session.*, c.version, c.granted, c.declined, c.document_digest, c.document_parts
        from session
        left join signet.consents c on c.user_id = ${presented.user_id} and c.client_id = ${client_id}`,
    )
    if (row === undefined) return null
    const { version, granted, declined, document_digest, document_parts, ...session } = row
    const consent =
      version === null || granted === null || declined === null
        ? null
        : { version, granted, declined, document_digest, document_parts }
    return { session: toSession(session), consent }
  }

type Presented = PresentedSession & Readonly<{ idle_seconds: number }>

/**
 * `session`: one row by a unique index, while the session and its account live. A session whose idle expiry need not move is read and
 * nothing else.
 */
const livingSession = (sql: ISql, { user_id, digest, idle_seconds }: Presented): Fragment => sql`
  session as materialized (
    select ${accountColumns(sql)}, s.id as session_id, s.auth_time, s.amr
    from signet.browser_sessions s
    join signet.users u on u.id = s.user_id and u.credential_epoch = s.credential_epoch
    where s.user_id = ${user_id}
      and s.digest = ${digest}
      and least(s.idle_expires_at, s.expires_at) > statement_timestamp()
      and u.disabled_at is null
  ),
  moved as (
    update signet.browser_sessions s
    set idle_expires_at = least(statement_timestamp() + make_interval(secs => ${idle_seconds}), s.expires_at)
    from session
    where s.user_id = ${user_id}
      and s.id = session.session_id
      and s.idle_expires_at < s.expires_at
      and s.idle_expires_at <= statement_timestamp()
        + make_interval(secs => ${idle_seconds - Math.min(MOVED_SECONDS, idle_seconds / 2)})
  )`

/**
 * OpenID Connect Back-Channel Logout §2.7 – Sign-ins with `offline_access` go on without the session, as the person has allowed (Core §11).
 * Their clients are told all the same, because the person is no longer signed in in the browser.
 */
const createEndSession =
  (database: Database, access_token_seconds: number): BrowserSessions['end'] =>
  ({ user_id, digest }) =>
    endInBatches(() =>
      onHeldAccount(
        database,
        user_id,
        (sql, caller) => sql<EndedBatch[]>`
          with ${inTwoPhases(sql, caller)}
          session as materialized (
            select s.id from signet.browser_sessions s where s.user_id = ${user_id} and s.digest = ${digest}
          ),
          ${endSelectedFamilies(sql, caller, {
            user_id,
            condition: sql`f.session_id = (select id from session) and ${endsWithSession(sql)}`,
            told_too: sql`f.session_id = (select id from session) and ${outlivesSession(sql)}`,
            reason: SIGNED_OUT,
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
            signInsEnded(sql, SIGNED_OUT),
          ])}
          select array(select id::text from ended) as ended, ${isLastBatch(sql)} as is_last
          from session`,
      ),
    )
