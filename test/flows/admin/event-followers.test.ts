import type { Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { PlacedEvent } from '../../../src/domain/events/event.ts'
import { Problem } from '../../../src/domain/refusals/problem.ts'
import {
  createEventFollowers,
  type EventFollower,
  type EventFollowers,
  type EventsFollowed,
} from '../../../src/flows/admin/event-followers.ts'
import { endRestored } from '../../../src/store/end-restored.ts'
import { createEvents } from '../../../src/store/events/events.ts'
import { times } from '../../support/ask.ts'
import { createDatabaseWithSchema, hasPostgres, type OwnDatabase } from '../../support/backends.ts'
import { type Database, openDatabase } from '../../support/database.ts'
import { createLog, errorsIn } from '../../support/effects.ts'

const ALL: EventsFollowed = { after: null, wants: () => true, concerns: () => false, examine: async () => {} }

/** A place as a caller names it who knows its number alone. */
const at = (number: number) => ({ number, tag: null })

/** Events as the store writes them, in a transaction of the test. */
const writeIn = (sql: Sql, request_ids: readonly string[]) => sql`
  with written as (
    insert into signet.events (kind, request_id)
    select 'key.created', given.id from unnest(${[...request_ids]}::text[]) given (id)
    returning user_id, id
  )
  insert into signet.unplaced_events (user_id, id)
  select user_id, id from written`

describe.skipIf(!hasPostgres)('followers of the events', () => {
  let own: OwnDatabase
  let database: Database
  const open: EventFollowers[] = []
  const { log, lines } = createLog()

  beforeAll(async () => {
    own = await createDatabaseWithSchema()
    database = openDatabase({ url: own.url, pool_size: 4 })
  })
  afterEach(async () => {
    for (const instance of open.splice(0)) await instance.close()
    expect(errorsIn(lines)).toEqual([])
  })
  afterAll(async () => {
    await database.close()
    await own.drop()
  })

  const store = () => createEvents(database)
  const startInstance = (
    settings: Readonly<{ heartbeat_milliseconds?: number; poll_milliseconds?: number }> = {},
  ) => {
    const own_store = store()
    let statements = 0
    const counted = <T>(answer: Promise<T>): Promise<T> => {
      statements += 1
      return answer
    }
    const events: Parameters<typeof createEventFollowers>[0]['events'] = {
      place: () => counted(own_store.place()),
      readStream: (after, limit) => counted(own_store.readStream(after, limit)),
      readBounds: number => counted(own_store.readBounds(number)),
    }
    const instance = createEventFollowers({ events, log, poll_milliseconds: 10, ...settings })
    open.push(instance)
    return { ...instance, statements: () => statements }
  }
  const write = (...request_ids: readonly string[]) => writeIn(database.sql, request_ids)
  /** The request ids of the next events, until there are so many. */
  const take = async ({ next }: EventFollower, count: number): Promise<readonly (string | null)[]> => {
    const taken: PlacedEvent[] = []
    while (taken.length < count) {
      const portion = await next()
      if (portion === null) throw new Error('the stream has ended')
      taken.push(...portion.events)
    }
    return taken.map(({ request_id }) => request_id)
  }

  it('see what is committed from then on, in the order of the commits, a late one too', async () => {
    await write('before')
    const one = await startInstance().open(ALL)
    const other = await startInstance().open(ALL)
    const late = await database.sql.reserve()
    await late`begin`
    await writeIn(late, ['late'])
    for (const name of ['first', 'second', 'third']) await write(name)
    // Two of one millisecond may have either order, and it is the same for all.
    const early = await take(one, 3)
    expect(new Set(early)).toEqual(new Set(['first', 'second', 'third']))
    await late`commit`
    late.release()
    expect(await take(one, 1)).toEqual(['late'])
    expect(await take(other, 4)).toEqual([...early, 'late'])
  })

  it('begin behind a place, and read by themselves what memory does not have', async () => {
    const instance = startInstance()
    const { begin } = await instance.open(ALL)
    await write(...times(1300).map(index => `many ${index}`))
    const from_the_beginning = await instance.open({ ...ALL, after: begin })
    const taken = await take(from_the_beginning, 1300)
    expect(new Set(taken).size).toBe(1300)
    const last = await instance.open({ ...ALL, after: at(begin.number + 1299) })
    expect(await take(last, 1)).toEqual(taken.slice(-1))
  })

  it('cost no statement when they have left, and none before the first one comes', async () => {
    const [left, empty, busy] = [startInstance(), startInstance(), startInstance()]
    const follower = await left.open(ALL)
    await write('seen')
    await take(follower, 1)
    follower.leave()
    expect([left.size(), left.slowestSeconds(), await follower.next()]).toEqual([0, 0, null])
    const spent = left.statements()
    const bystander = await busy.open(ALL)
    for (const name of ['one', 'two', 'three']) {
      await write(name)
      await take(bystander, 1)
    }
    expect(busy.statements()).toBeGreaterThan(6)
    expect([left.statements(), empty.statements()]).toEqual([spent, 0])
  })

  it('are refused for a place before the oldest that is kept, and for one that was never given', async () => {
    const instance = startInstance()
    await write('kept')
    const { begin: known } = await instance.open(ALL)
    const begin = known.number
    await database.sql`delete from signet.event_places where number < ${begin}`
    const codeOf = (after: number) =>
      instance.open({ ...ALL, after: at(after) }).then(
        ({ begin: behind }) => behind.number,
        (error: unknown) => (error instanceof Problem ? [error.code, error.reason] : error),
      )
    expect(await codeOf(begin - 2)).toEqual(['CURSOR_GONE', 'cursor_far_behind'])
    expect(await codeOf(begin - 1)).toBe(begin - 1)
    expect(await codeOf(begin)).toBe(begin)
    expect(await codeOf(begin + 1)).toEqual(['CURSOR_GONE', 'cursor_of_another_past'])
    await database.sql`delete from signet.event_places`
    expect(await codeOf(begin - 1)).toEqual(['CURSOR_GONE', 'cursor_far_behind'])
    expect(await codeOf(begin)).toBe(begin)
  })

  /** What a failover to a standby, or a restored backup, makes of the stream: its last places are those of other events. */
  const rewriteLast = (places: number) => database.sql`
    update signet.event_places
    set event_id = gen_random_uuid()
    where number > (select number from signet.event_head) - ${places}`

  it('are refused for a place that another event has by now, and for one that a restore has skipped', async () => {
    const instance = startInstance()
    await write('shared past')
    const { begin: shared } = await instance.open(ALL)
    await write('lost')
    const { begin: lost } = await instance.open(ALL)
    instance.drain()
    await rewriteLast(1)
    const other = startInstance()
    const gone = { code: 'CURSOR_GONE', reason: 'cursor_of_another_past' }
    await expect(other.open({ ...ALL, after: lost })).rejects.toMatchObject(gone)
    expect((await other.open({ ...ALL, after: shared })).begin).toEqual(shared)
    // Its own number says nothing of the past.
    expect((await other.open({ ...ALL, after: at(lost.number) })).begin.number).toBe(lost.number)

    const { accounts } = await endRestored(database)
    await expect(other.open({ ...ALL, after: at(lost.number + 1) })).rejects.toMatchObject(gone)
    const follower = await other.open({ ...ALL, after: at(lost.number) })
    const portion = await follower.next()
    expect(portion?.events).toMatchObject([
      { kind: 'database.restored', number: lost.number + 1_000_000_001, details: { accounts, sign_ins: 0 } },
    ])
    await write('after the restore')
    expect(await take(follower, 1)).toEqual(['after the restore'])
  })

  it('are let go where the database has another past by now, and continue with a place of this one', async () => {
    const instance = startInstance()
    await write('known')
    const followers = [await instance.open(ALL), await instance.open(ALL)]
    await write('told before the failover')
    for (const follower of followers) await take(follower, 1)
    const ends = followers.map(({ next }) => next())
    await rewriteLast(1)
    expect(await Promise.all(ends)).toEqual([null, null])
    expect(instance.size()).toBe(0)
    const anew = await instance.open(ALL)
    await write('told after the failover')
    expect(await take(anew, 1)).toEqual(['told after the failover'])
  })

  it('that read by themselves what is long ago are let go where it is of another past', async () => {
    const instance = startInstance()
    const { begin } = await instance.open(ALL)
    await write(...times(250).map(index => `long ago ${index}`))
    await store().place()
    const behind = await startInstance({ poll_milliseconds: 60_000 }).open({ ...ALL, after: begin })
    await take(behind, 200)
    await rewriteLast(250)
    expect(await behind.next()).toBeNull()
  })

  it('pass the places of events that were deleted meanwhile', async () => {
    const instance = startInstance()
    const { begin } = await instance.open(ALL)
    for (const name of ['deleted', 'left']) {
      await write(name)
      await store().place()
    }
    await database.sql`delete from signet.events where request_id = 'deleted'`
    // An instance that has not read it before.
    expect(await take(await startInstance().open({ ...ALL, after: begin }), 1)).toEqual(['left'])
    expect(await store().readStream(begin, 1)).toMatchObject({
      events: [],
      last: { number: begin.number + 1 },
    })
  })

  it('are told at each heartbeat how far the stream was read, also when they want nothing of it', async () => {
    const instance = startInstance({ heartbeat_milliseconds: 30 })
    const follower = await instance.open({ ...ALL, wants: () => false })
    await write('unwanted')
    let last = follower.begin
    while (last.number === follower.begin.number) {
      const portion = await follower.next()
      expect(portion?.events).toEqual([])
      last = portion?.last ?? at(0)
    }
    expect(last).toEqual({ number: follower.begin.number + 1, tag: expect.stringMatching(/^[0-9a-f]{12}$/) })
  })

  it('end at the heartbeat at which they may not follow any longer, and the others go on', async () => {
    const instance = startInstance({ heartbeat_milliseconds: 30 })
    let isRevoked = false
    const examine = async () => {
      if (isRevoked) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'revoked' })
    }
    const revoked = await instance.open({ ...ALL, examine })
    const bystander = await instance.open(ALL)
    expect(await revoked.next()).toEqual({ events: [], last: revoked.begin })
    isRevoked = true
    expect(await revoked.next()).toBeNull()
    await write('after the end')
    expect(await take(bystander, 1)).toEqual(['after the end'])
    expect(instance.size()).toBe(1)
  })

  it('end before an event that ends what they may is shown to them', async () => {
    const instance = startInstance()
    const follower = await instance.open({
      ...ALL,
      concerns: ({ request_id }) => request_id === 'revocation',
      examine: async () => {
        throw new Problem('AUTH_TOKEN_INVALID', { reason: 'revoked' })
      },
    })
    await write('seen')
    expect(await take(follower, 1)).toEqual(['seen'])
    await write('revocation')
    expect(await follower.next()).toBeNull()
  })

  it('are twenty at most, and one that leaves makes room', async () => {
    const instance = startInstance()
    const followers = await Promise.all(times(20).map(() => instance.open(ALL)))
    await expect(instance.open(ALL)).rejects.toMatchObject({
      what: 'event_followers',
      retry_after_seconds: 5,
    })
    followers[0]?.leave()
    await instance.open(ALL)
    await expect(instance.open({ ...ALL, after: at(0) })).rejects.toMatchObject({ what: 'event_followers' })
  })

  it('all leave when the server begins to stop, and none comes', async () => {
    const instance = startInstance()
    const waiting = (await instance.open(ALL)).next()
    const { signal } = await instance.open(ALL)
    instance.drain()
    expect(await waiting).toBeNull()
    expect([signal.aborted, instance.size()]).toEqual([true, 0])
    await expect(instance.open(ALL)).rejects.toMatchObject({ what: 'event_followers' })
  })

  it('count as slow from when they lack something', async () => {
    const instance = startInstance()
    const quick = await instance.open(ALL)
    await instance.open(ALL)
    await write('late for one')
    await take(quick, 1)
    const waiting = quick.next()
    await expect.poll(instance.slowestSeconds).toBeGreaterThan(0)
    instance.drain()
    expect([await waiting, instance.slowestSeconds()]).toEqual([null, 0])
  })
})
