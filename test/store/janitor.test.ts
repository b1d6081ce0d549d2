import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Metrics } from '../../src/ports/effects.ts'
import { createSweep, keepSweeping } from '../../src/store/janitor.ts'
import { backends, createEmptying, hasCitus, type OpenBackend } from '../support/backends.ts'
import { keepRefreshing } from '../support/rotating-families.ts'

const BATCH_ROWS = 500

describe.each(backends)('the janitor on $name', ({ open }) => {
  let backend: OpenBackend
  let empty: () => Promise<void>
  let user: string
  beforeAll(async () => {
    backend = await open()
    empty = await createEmptying(backend.database)
  })
  beforeEach(async () => {
    await empty()
    user = randomUUID()
    await backend.database.sql`insert into users (id, email, roles) values (${user}, 'a@b.example', '{}')`
  })
  afterAll(() => backend.close())

  const sweeper = () => createSweep(backend.database, { holder: randomUUID() })
  /** Families that expired `seconds_ago`; a negative number is in the future. */
  const putFamilies = (count: number, seconds_ago: number, revoked = false) =>
    backend.database.sql`
      insert into refresh_families (
        id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
        idle_expires_at, expires_at, revoked_at
      )
      select gen_random_uuid(), ${user}, 0, 'c', '', '{}', now(), '{}', ${randomBytes(16)}, 1, ${randomBytes(32)},
        now() - make_interval(secs => ${seconds_ago}), now() - make_interval(secs => ${seconds_ago}),
        case when ${revoked} then now() end
      from generate_series(1, ${count})`
  const putOthers = (seconds_ago: number) =>
    backend.database.sql`
      with one as (
        insert into revocations (kind, value, expires_at)
        values ('jti', ${randomUUID()}, now() - make_interval(secs => ${seconds_ago}))
      ),
      ceremony as (
        insert into ceremonies (
          digest, purpose, user_id, credential_epoch, client_id, refresh_transport, payload, expires_at
        )
        values (
          ${randomBytes(32)}, 'sign_in', ${user}, 0, 'c', 'body', ${randomBytes(32)},
          now() - make_interval(secs => ${seconds_ago})
        )
      ),
      position as (
        insert into feed_positions (number, tag, expires_at)
        values (${Math.round(seconds_ago) + 1e6}, ${randomUUID()}, now() - make_interval(secs => ${seconds_ago}))
      ),
      batch as (
        insert into import_batches (digest, created, email_taken, id_taken, expires_at)
        values (${randomBytes(32)}, 0, '{}', '{}', now() - make_interval(secs => ${seconds_ago}))
      ),
      other as (
        insert into email_links (user_id, purpose, digest, email, credential_epoch, expires_at)
        values (
          ${user}, ${`purpose of ${seconds_ago}`}, ${randomBytes(32)}, 'a@b.example', 0,
          now() - make_interval(secs => ${seconds_ago})
        )
      ),
      name as (
        insert into account_names (kind, value, user_id, expires_at)
        values
          ('link', ${randomUUID()}, ${user}, now() - make_interval(secs => ${seconds_ago})),
          ('email', ${randomUUID()}, ${user}, null)
      ),
      assertion as (
        insert into spent_assertions (client_id, jti_digest, expires_at)
        values ('c', ${randomBytes(32)}, now() - make_interval(secs => ${seconds_ago}))
      )
      select`
  const putStatusEntry = (seconds_ago: number) =>
    backend.database.sql`
      insert into status_entries (jti, sub, client_id, issued_at, expires_at)
      values (${randomUUID()}, 'c', 'c', now(), now() - make_interval(secs => ${seconds_ago}))`
  const putCode = (seconds_ago: number) =>
    backend.database.sql`
      insert into authorization_codes (
        user_id, digest, session_id, credential_epoch, auth_time, amr, client_id, scope, audience, is_refreshable, expires_at
      )
      values (
        ${user}, ${randomBytes(32)}, ${randomUUID()}, 0, now(), '{}', 'c', '', '{}', true,
        now() - make_interval(secs => ${seconds_ago})
      )`
  const putSession = (seconds_ago: number, idle_seconds_ago = seconds_ago) =>
    backend.database.sql`
      insert into browser_sessions (user_id, id, digest, credential_epoch, auth_time, amr, idle_expires_at, expires_at)
      values (
        ${user}, ${randomUUID()}, ${randomBytes(32)}, 0, now(), '{}',
        now() - make_interval(secs => ${idle_seconds_ago}), now() - make_interval(secs => ${seconds_ago})
      )`
  const putDevice = (seconds_ago: number) =>
    backend.database.sql`
      insert into device_authorizations (
        digest, user_code, client_id, scope, audience, ip, interval_seconds, expires_at
      )
      values (
        ${randomBytes(32)}, ${randomUUID()}, 'c', '', '{}', '127.0.0.1', 5, now() - make_interval(secs => ${seconds_ago})
      )`
  const putPushedRequest = (seconds_ago: number) =>
    backend.database.sql`
      insert into pushed_requests (digest, client_id, parameters, expires_at)
      values (${randomBytes(32)}, 'c', '', now() - make_interval(secs => ${seconds_ago}))`
  const putLogo = (seconds_ago: number) =>
    backend.database.sql`
      insert into client_logos (uri_digest, due_at, expires_at)
      values (${randomBytes(32)}, now(), now() - make_interval(secs => ${seconds_ago}))`
  const putDelivery = (seconds_ago: number) =>
    backend.database.sql`
      insert into deliveries (user_id, kind, receiver, expires_at)
      values (${randomUUID()}, 'backchannel_logout', 'c', now() - make_interval(secs => ${seconds_ago}))`
  const putExchanged = (seconds_ago: number) =>
    backend.database.sql`
      insert into exchanged_sessions (user_id, digest, client_id, family_id, expires_at)
      values (${user}, ${randomBytes(32)}, 'c', ${randomUUID()}, now() - make_interval(secs => ${seconds_ago}))`
  const putHeartbeat = (seconds_ago: number) =>
    backend.database.sql`
      insert into leases (task, holder, expires_at)
      values (${`heartbeat:${seconds_ago}`}, ${randomUUID()}, now() - make_interval(secs => ${seconds_ago}))`
  const count = async (table: string) => {
    const [row] = await backend.database
      .sql`select count(*)::integer as rows from ${backend.database.sql(table)}`
    return row?.['rows']
  }

  it('deletes a browser session a day after it was idle for too long, whatever lies before it', async () => {
    await putSession(-3600, 86_401)
    await putSession(-3600, 86_340)
    await putSession(-3600)
    const sweep = sweeper()
    expect(await sweep()).toMatchObject({ browser_sessions: 1 })
    expect(await count('browser_sessions')).toBe(2)
    await backend.database.sql`
      insert into browser_sessions (user_id, id, digest, credential_epoch, auth_time, amr, idle_expires_at, expires_at)
      select
        ${user}, ('00000000-0000-0000-0001-' || lpad(number::text, 12, '0'))::uuid,
        decode(lpad(number::text, 64, '0'), 'hex'), 0, now(), '{}',
        now() - case when number > ${BATCH_ROWS} then interval '2 days' else interval '0' end,
        now() + interval '1 hour'
      from generate_series(1, ${BATCH_ROWS + 3}) as number`
    const sweeps = [await sweep(), await sweep(), await sweep()]
    expect(sweeps.map(deleted => deleted?.browser_sessions)).toEqual([0, 3, 0])
    expect(await count('browser_sessions')).toBe(BATCH_ROWS + 2)
  })

  it('deletes rows a day after their expiry, status entries and feed positions after ten minutes, and nothing else', async () => {
    await putFamilies(1, 86_401)
    await putFamilies(1, 86_401, true)
    await putFamilies(1, 86_340)
    await putFamilies(1, -3600, true)
    await putFamilies(1, -3600)
    await putOthers(86_401)
    await putOthers(86_340)
    await putOthers(-60)
    await putStatusEntry(601)
    await putStatusEntry(540)
    expect(await sweeper()()).toEqual({
      refresh_families: 2,
      revocations: 1,
      spent_assertions: 1,
      ceremonies: 1,
      status_entries: 1,
      feed_positions: 2,
      import_batches: 1,
      email_links: 1,
      account_names: 1,
      authorization_codes: 0,
      browser_sessions: 0,
      device_authorizations: 0,
      pushed_requests: 0,
      client_changes: 0,
      client_logos: 0,
      deliveries: 0,
      exchanged_sessions: 0,
      activity: 0,
      leases: 0,
      spent_proofs: 0,
      invitations: 0,
      registration_tokens: 0,
    })
    expect(await sweeper()()).toBeNull()
    expect(await count('refresh_families')).toBe(3)
    expect(await count('revocations')).toBe(2)
    expect(await count('spent_assertions')).toBe(2)
    expect(await count('ceremonies')).toBe(2)
    expect(await count('status_entries')).toBe(1)
    // The living position, and the one that the numbering of the sweep has left.
    expect(await count('feed_positions')).toBe(2)
    expect(await count('feed_head')).toBe(1)
    expect(await count('import_batches')).toBe(2)
    expect(await count('email_links')).toBe(2)
    expect(await count('account_names')).toBe(5)
    expect(await count('users')).toBe(1)
  })

  it('keeps a code for ten minutes, a pushed request for as long as a sealed request, a browser session, a delivery and a heartbeat for a day', async () => {
    for (const seconds of [-60, 590, 610]) await putCode(seconds)
    for (const seconds of [-60, 590, 610]) await putDevice(seconds)
    for (const seconds of [-60, 4_190, 4_210]) await putPushedRequest(seconds)
    for (const seconds of [-60, 86_390, 86_410]) await putSession(seconds)
    for (const seconds of [-60, 540, 601]) await putLogo(seconds)
    for (const seconds of [-60, 86_390, 86_410]) await putDelivery(seconds)
    for (const seconds of [-60, 86_390, 86_410]) await putExchanged(seconds)
    for (const seconds of [86_390, 86_410]) await putHeartbeat(seconds)
    expect(await sweeper()()).toMatchObject({
      authorization_codes: 1,
      browser_sessions: 1,
      device_authorizations: 1,
      pushed_requests: 1,
      client_changes: 0,
      client_logos: 1,
      deliveries: 1,
      exchanged_sessions: 1,
      leases: 1,
    })
    const tables = [
      'authorization_codes',
      'browser_sessions',
      'device_authorizations',
      'pushed_requests',
      'client_logos',
      'deliveries',
      'exchanged_sessions',
      // The lease of the janitor itself is one of the two.
      'leases',
    ]
    for (const table of tables) expect(await count(table)).toBe(2)
  })

  it('numbers revocations when no service follows the feed', async () => {
    await putOthers(-60)
    expect(await sweeper()()).not.toBeNull()
    const rows = await backend.database.sql`select number::float8 as number from revocations`
    expect(rows).toEqual([{ number: 1 }])
  })

  it('numbers revocations, places events and cleans the tables of the coordinator before those of people', async () => {
    const { sql } = backend.database
    await putOthers(90_000)
    await putOthers(-60)
    await sql`insert into unplaced_events (user_id, id) values (${user}, ${randomUUID()})`
    await sql`alter table refresh_families rename to unreachable`
    try {
      await expect(sweeper()()).rejects.toThrow('refresh_families')
    } finally {
      await sql`alter table unreachable rename to refresh_families`
    }
    expect(await sql`select number::float8 as number from revocations`).toEqual([{ number: 1 }])
    expect(await sql`select from ceremonies`).toHaveLength(1)
    expect(await sql`select from unplaced_events`).toEqual([])
  })

  it('deletes one batch at a time', async () => {
    await putFamilies(BATCH_ROWS + 1, 90_000)
    const sweep = sweeper()
    expect(await sweep()).toMatchObject({ refresh_families: BATCH_ROWS })
    expect(await sweep()).toMatchObject({ refresh_families: 1 })
    expect(await sweep()).toMatchObject({ refresh_families: 0 })
  })

  it('runs on one replica until its lease expires', async () => {
    const [one, other] = [sweeper(), sweeper()]
    const first = await Promise.all([one(), other()])
    expect(first.filter(deleted => deleted === null)).toHaveLength(1)
    const [holder, waiting] = first[0] === null ? [other, one] : [one, other]
    expect(await waiting()).toBeNull()
    expect(await holder()).not.toBeNull()
    await backend.database.sql`update leases set expires_at = now() - interval '1 millisecond'`
    expect(await waiting()).not.toBeNull()
    expect(await holder()).toBeNull()
  })

  it('continues until nothing is left, and counts the deleted rows', async () => {
    await putFamilies(2 * BATCH_ROWS + 1, 90_000)
    const deleted = new Map<string, number>()
    const metrics: Metrics = {
      answered: () => {},
      issued: () => {},
      judged: () => {},
      answeredElsewhere: () => {},
      codeJudged: () => {},
      limited: () => {},
      mailed: () => {},
      signedIn: () => {},
      ended: () => {},
      attempted: () => {},
      passwordHookAsked: () => {},
      claimsHookAsked: () => {},
      deleted: (table, rows) => deleted.set(table, rows + (deleted.get(table) ?? 0)),
    }
    const errors: unknown[] = []
    const log = { info: () => {}, warn: () => {}, error: (fields: unknown) => void errors.push(fields) }
    const stops = [1, 2].map(() => keepSweeping({ sweep: sweeper(), metrics, log, pause_milliseconds: 5 }))
    await vi.waitFor(() => expect(deleted.get('refresh_families')).toBe(2 * BATCH_ROWS + 1), {
      timeout: 20_000,
    })
    for (const stop of stops) await stop()
    expect(await count('refresh_families')).toBe(0)
    expect(errors).toEqual([])
  })

  it('delays no refresh', async () => {
    await putFamilies(4 * BATCH_ROWS, 90_000)
    const stop = keepRefreshing(backend.database)
    const sweep = sweeper()
    for (const _ of [1, 2, 3, 4]) expect(await sweep()).toMatchObject({ refresh_families: BATCH_ROWS })
    const { outcomes } = await stop()
    expect([...outcomes.keys()]).toEqual(['rotated'])
  })
})

describe.each(backends.filter(backend => backend.name === 'postgres'))('the janitor on $name', ({ open }) => {
  // Citus deletes over several shards, where it cannot leave out locked rows.
  it('waits for no locked row (on Citus: only for a dead one), and locks no living one', async () => {
    const backend = await open()
    const { sql } = backend.database
    const user = randomUUID()
    await sql`insert into users (id, email, roles) values (${user}, 'a@b.example', '{}')`
    const put = (id: string, interval: string) => sql`
      insert into refresh_families (
        id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
        idle_expires_at, expires_at
      )
      values (${id}, ${user}, 0, 'c', '', '{}', now(), '{}', ${randomBytes(16)}, 1, ${randomBytes(32)}, now(),
        now() + ${interval}::interval)`
    const [held, dead, living] = [randomUUID(), randomUUID(), randomUUID()]
    await put(held, '-3 days')
    await put(dead, '-2 days')
    await put(living, '1 day')
    const holder = await sql.reserve()
    await holder`begin`
    await holder`select from refresh_families where user_id = ${user} and id = ${held} for no key update`
    const sweep = createSweep(backend.database, { holder: randomUUID() })
    const swept = sweep()
    if (hasCitus)
      await vi.waitFor(async () => {
        const waiting = await sql`
          select waiting_gpid from citus_lock_waits where blocked_statement like '%delete from%refresh_families%'`
        expect(waiting).not.toEqual([])
      })
    else expect(await swept).toMatchObject({ refresh_families: 1 })
    // The living row is not locked while a sweep is held open.
    await holder`select from refresh_families where user_id = ${user} and id = ${living} for no key update nowait`
    await holder`commit`
    holder.release()
    if (hasCitus) expect(await swept).toMatchObject({ refresh_families: 2 })
    else expect(await sweep()).toMatchObject({ refresh_families: 1 })
    expect(await sql`select id from refresh_families`).toEqual([{ id: living }])
    await backend.close()
  })
})
