import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createPepper } from '../../../src/domain/base/pepper.ts'
import { Unavailable } from '../../../src/domain/base/unavailable.ts'
import { Problem } from '../../../src/domain/refusals/problem.ts'
import { createCursors } from '../../../src/domain/revocations/feed-cursor.ts'
import { createActivityMeter } from '../../../src/flows/events/activity-meter.ts'
import { createAnswerFeed, type FeedRequest } from '../../../src/flows/revocations/feed.ts'
import { createRevocationTail } from '../../../src/flows/revocations/tail.ts'
import { absentMetrics } from '../../../src/platform/metrics.ts'
import type { Keys } from '../../../src/ports/keys.ts'
import type { RevocationFeed } from '../../../src/ports/revocations.ts'
import { openKeys } from '../../../src/signing/open-keys.ts'
import { numberAll } from '../../../src/store/revocations/number-revocations.ts'
import { createRevocationFeed as createStoredFeed } from '../../../src/store/revocations/revocation-feed.ts'
import { createRevocations } from '../../../src/store/revocations/revocations.ts'
import { backends, hasPostgres, type OpenBackend } from '../../support/backends.ts'

const ISSUER = 'https://id.example'
const cursors = createCursors([createPepper(Buffer.alloc(32, 1))])
const log = { info: () => {}, warn: () => {}, error: () => {} }

type Payload = Readonly<{
  iss: string
  iat: number
  since: string | null
  cursor: string
  more: boolean
  ids: Readonly<Record<string, string>>
}>

const payloadOf = (jws: string) =>
  JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as Payload
const idsOf = (jws: string) =>
  Object.values(payloadOf(jws).ids).flatMap(
    text => Buffer.from(text, 'base64url').toString('hex').match(/.{32}/g) ?? [],
  )
const bare = (uuid: string) => uuid.replaceAll('-', '')
const codeOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 'answered',
    (error: unknown) => (error instanceof Problem ? error.code : String(error)),
  )

describe.each(backends)('the revocation feed on $name', ({ open }) => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-feed-'))
  let backend: OpenBackend
  let keys: Keys & { close: () => Promise<void> }
  let now = new Date()
  let signatures = 0
  beforeAll(async () => {
    backend = await open()
    const opened = await openKeys({ directory, clock: () => new Date(), log })
    if ('faults' in opened) throw new Error(opened.faults.join())
    keys = {
      ...opened,
      sign: (...given) => {
        signatures += 1
        return opened.sign(...given)
      },
    }
  })
  afterAll(async () => {
    await keys.close()
    await backend.close()
    rmSync(directory, { recursive: true })
  })

  const closers: (() => Promise<void>)[] = []
  const createInstance = (count = 1000, change: (feed: RevocationFeed) => RevocationFeed = feed => feed) => {
    const clock = () => new Date()
    const feed = change(createStoredFeed(backend.database))
    const tail = createRevocationTail({ feed, clock, log, poll_milliseconds: 20 })
    closers.push(() => tail.close())
    let left = count
    const limit = {
      consume: async () => {
        left -= 1
        return {
          name: 'feed-signatures' as const,
          window_seconds: 1,
          isAllowed: left >= 0,
          limit: count,
          remaining: Math.max(0, left),
          reset_seconds: 1,
        }
      },
      isExhausted: () => null,
    }
    const { followers, take } = createActivityMeter({ metrics: absentMetrics, clock })
    const answerFeed = createAnswerFeed({
      tail,
      keys,
      cursors,
      clock,
      issuer: ISSUER,
      signatures: limit,
      followers,
    })
    const ask = (cursor: string | null = null, more: Partial<FeedRequest> = {}) => {
      const signal = new AbortController().signal
      return answerFeed({ cursor, wait_seconds: 0, signal, ip: '::1', ...more })
    }
    return { ask, tail, used: () => count - left, followers, take }
  }
  let instance: ReturnType<typeof createInstance>
  beforeEach(async () => {
    now = new Date()
    await backend.database.run(sql => sql`truncate revocations`)
    instance = createInstance()
  })
  afterEach(async () => {
    for (const close of closers.splice(0)) await close()
  })

  const revoke = async () => {
    const jti = randomUUID()
    const expires_at = new Date(now.getTime() + 900_000)
    await createRevocations(backend.database, { access_token_seconds: 900 }).revokeAccessToken({
      jti,
      expires_at,
    })
    return bare(jti)
  }
  /** In several statements: on a busy machine the embedded database would not answer one large statement in time. */
  const fill = async (count: number) => {
    for (let left = count; left > 0; left -= 10_000) {
      await backend.database.run(
        sql => sql`
          insert into revocations (kind, value, expires_at)
          select 'jti', gen_random_uuid()::text, statement_timestamp() + interval '1 hour'
          from generate_series(1, ${Math.min(left, 10_000)}::int)`,
      )
    }
  }
  const isNumbered = async () => {
    await numberAll(backend.database)
    const left = await backend.database.run(sql => sql`select from revocations where number is null limit 1`)
    return left.length === 0
  }
  const cursorOf = async () => payloadOf((await instance.ask()).jws).cursor

  it('counts its followers by the requests that they have open, and by how much each was behind', async () => {
    const { ask, followers, take } = instance
    const { cursor } = payloadOf((await ask()).jws)
    const told = () =>
      take()
        .filter(({ measure }) => measure === 'feed_seconds')
        .reduce((sum, { count }) => sum + count, 0)
    const waiting = [ask(cursor, { wait_seconds: 5 }), ask(cursor, { wait_seconds: 5 })]
    await expect.poll(() => instance.tail.waiting()).toBe(2)
    expect(told()).toBe(0)
    await revoke()
    const next = payloadOf((await Promise.all(waiting))[0]?.jws ?? '').cursor
    expect(told()).toBe(2)
    expect([followers.take(), followers.take()]).toEqual([2, 0])
    await ask(next)
    await ask()
    await expect(ask('none')).rejects.toMatchObject({ code: 'CURSOR_GONE' })
    expect([told(), followers.take()]).toEqual([0, 1])
  })

  it('answers a request without a cursor with every entry, as a JWS with its own type', async () => {
    const jti = await revoke()
    const { jws, isFinal } = await instance.ask()
    expect(payloadOf(jws)).toMatchObject({ iss: ISSUER, since: null, more: false })
    expect(idsOf(jws)).toEqual([jti])
    expect(isFinal).toBe(false)
    expect(keys.verify('at+jwt', jws)).toBeNull()
    expect(keys.verify('JWT', jws)).toBeNull()
  })

  it('answers a cursor with the entries since, and gives every follower the same answer', async () => {
    const cursor = await cursorOf()
    const jti = await revoke()
    const [first, ...others] = await Promise.all(
      Array.from({ length: 50 }, () => instance.ask(cursor, { wait_seconds: 20 })),
    )
    expect(idsOf(first?.jws ?? '')).toEqual([jti])
    expect(payloadOf(first?.jws ?? '')).toMatchObject({ since: cursor, more: false })
    expect(new Set(others.map(({ jws }) => jws))).toEqual(new Set([first?.jws]))
    expect(first?.isFinal).toBe(true)
  })

  it('waits for an entry, and answers as soon as it comes', async () => {
    const cursor = await cursorOf()
    let isAnswered = false
    const waiting = instance.ask(cursor, { wait_seconds: 20 }).finally(() => {
      isAnswered = true
    })
    while (instance.tail.waiting() === 0) await new Promise(resolve => setImmediate(resolve))
    expect(isAnswered).toBe(false)
    const jti = await revoke()
    expect(idsOf((await waiting).jws)).toEqual([jti])
    expect(instance.tail.waiting()).toBe(0)
  })

  it('answers with no entry and the same cursor when the wait is over', async () => {
    const cursor = await cursorOf()
    const { jws, isFinal } = await instance.ask(cursor, { wait_seconds: 1 })
    expect(payloadOf(jws)).toMatchObject({ since: cursor, cursor, ids: {} })
    expect(isFinal).toBe(false)
  })

  it('answers the waiting requests when the process stops, and drops those whose client has left', async () => {
    const cursor = await cursorOf()
    const gone = new AbortController()
    const waiting = [
      instance.ask(cursor, { wait_seconds: 20 }),
      instance.ask(cursor, { wait_seconds: 20, signal: gone.signal }),
    ]
    while (instance.tail.waiting() < 2) await new Promise(resolve => setImmediate(resolve))
    gone.abort()
    await waiting[1]
    expect(instance.tail.waiting()).toBe(1)
    instance.tail.drain()
    await waiting[0]
    expect(instance.tail.waiting()).toBe(0)
  })

  it('continues a cursor of any instance at any other', async () => {
    const other = createInstance()
    const cursor = await cursorOf()
    const first = await revoke()
    const step = await other.ask(cursor, { wait_seconds: 20 })
    expect(idsOf(step.jws)).toEqual([first])
    const second = await revoke()
    const next = await instance.ask(payloadOf(step.jws).cursor, { wait_seconds: 20 })
    expect(idsOf(next.jws)).toContain(second)
  })

  it('refuses a cursor of another database, and one that is malformed: the follower begins anew', async () => {
    const text = await cursorOf()
    const cursor = cursors.parse(text)
    if (cursor === null) throw new Error('no cursor')
    const { position } = cursor
    const elsewhere = [
      { ...position, number: position.number + 1000 },
      { ...position, tag: randomUUID() },
    ].map(other => cursors.format({ ...cursor, position: other }))
    const foreign = createCursors([createPepper(Buffer.alloc(32, 2))]).format(cursor)
    for (const gone of [...elsewhere, foreign, 'nonsense', ''])
      expect(await codeOf(instance.ask(gone))).toBe('CURSOR_GONE')
    expect(await codeOf(instance.ask(text))).toBe('answered')
  })

  it('sends a large set in parts, which another instance can continue', async () => {
    await fill(120_000)
    const other = createInstance()
    const seen = new Set<string>()
    let cursor: string | null = null
    let count = 0
    for (let more = true; more; ) {
      const { jws } = await (count % 2 === 0 ? instance : other).ask(cursor)
      for (const id of idsOf(jws)) seen.add(id)
      count += 1
      ;({ more, cursor } = payloadOf(jws))
    }
    expect(count).toBe(4)
    expect(seen.size).toBe(120_000)
    const late = await revoke()
    expect(idsOf((await other.ask(cursor, { wait_seconds: 20 })).jws)).toEqual([late])
  }, 60_000)

  it('marks the last part as incomplete when newer entries do not fit into it', async () => {
    await fill(60_000)
    const first = payloadOf((await instance.ask()).jws)
    expect(first.more).toBe(true)
    await fill(20_001)
    await expect.poll(isNumbered, { timeout: 20_000 }).toBe(true)
    await instance.tail.lookAgain()
    const second = payloadOf((await instance.ask(first.cursor)).jws)
    expect(second.more).toBe(true)
    const third = await instance.ask(second.cursor)
    expect(payloadOf(third.jws).more).toBe(false)
    expect(idsOf(third.jws)).toHaveLength(20_001)
  }, 60_000)

  it('refuses the cursor of a follower that is too far behind', async () => {
    const cursor = await cursorOf()
    await fill(50_001)
    await expect.poll(isNumbered, { timeout: 20_000 }).toBe(true)
    await instance.tail.lookAgain()
    expect(await codeOf(instance.ask(cursor))).toBe('CURSOR_GONE')
  }, 60_000)

  it('signs no answer while the database is away, as old entries must not look fresh', async () => {
    let isAway = false
    const failing = createInstance(1000, feed => ({
      ...feed,
      readSince: known => (isAway ? Promise.reject(new Unavailable('database', 1)) : feed.readSince(known)),
    }))
    const first = await failing.ask()
    isAway = true
    const deadline = Date.now() + 10_000
    let code = 'answered'
    while (code === 'answered' && Date.now() < deadline) {
      code = await codeOf(failing.ask(payloadOf(first.jws).cursor, { wait_seconds: 1 }))
    }
    expect(code).toContain('Unavailable')
    isAway = false
    await failing.tail.lookAgain()
    expect(await codeOf(failing.ask())).toBe('answered')
  })

  it('limits the signatures for one address, and charges nothing for shared answers', async () => {
    const limited = createInstance(3)
    const first = payloadOf((await limited.ask()).jws).cursor
    await limited.ask()
    expect(limited.used()).toBe(1)
    // Each revocation makes another cursor, with which a follower may ask later.
    const step = async (cursor: string) => {
      await revoke()
      await limited.tail.lookAgain()
      return payloadOf((await limited.ask(cursor)).jws).cursor
    }
    const second = await step(first)
    const third = await step(second)
    expect([await codeOf(limited.ask(second)), limited.used()]).toEqual(['answered', 3])
    expect(await codeOf(limited.ask(first))).toBe('RATE_LIMITED')
    expect(await codeOf(limited.ask(third, { wait_seconds: 1 }))).toBe('answered')
  })

  it('limits the database queries for cursors of another database', async () => {
    let readings = 0
    const counted = createInstance(1000, feed => ({
      ...feed,
      readSince: known => {
        readings += 1
        return feed.readSince(known)
      },
    }))
    const text = payloadOf((await counted.ask()).jws).cursor
    const cursor = cursors.parse(text)
    if (cursor === null) throw new Error('no cursor')
    const gone = Array.from({ length: 500 }, (_, index) => {
      const position = { number: cursor.position.number + (index % 2), tag: randomUUID() }
      return cursors.format({ ...cursor, position })
    })
    readings = 0
    const codes = await Promise.all(gone.map(one => codeOf(counted.ask(one))))
    expect(new Set(codes)).toEqual(new Set(['CURSOR_GONE']))
    expect(readings).toBeLessThan(10)
    expect(await codeOf(counted.ask(text))).toBe('answered')
  })

  it('signs once for all waiting requests, and charges none of them', async () => {
    const cursor = await cursorOf()
    const [signed, charged] = [signatures, instance.used()]
    const waiting = Array.from({ length: 900 }, () => instance.ask(cursor, { wait_seconds: 20 }))
    while (instance.tail.waiting() < 900) await new Promise(resolve => setImmediate(resolve))
    const jti = await revoke()
    const answers = await Promise.all(waiting)
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
    expect(idsOf(answers[0]?.jws ?? '')).toEqual([jti])
    expect([signatures - signed, instance.used() - charged]).toEqual([1, 0])
  })

  it('allows a thousand waiting requests of one address, which keep no other address out', async () => {
    const cursor = await cursorOf()
    const gone: AbortController[] = []
    const wait = (ip: string) => {
      const controller = new AbortController()
      gone.push(controller)
      return instance.ask(cursor, { wait_seconds: 20, signal: controller.signal, ip })
    }
    const waiting = Array.from({ length: 1000 }, (_, index) => wait(`2001:db8::${index.toString(16)}`))
    while (instance.tail.waiting() < 1000) await new Promise(resolve => setImmediate(resolve))
    expect(await codeOf(wait('2001:db8::ffff'))).toBe('RATE_LIMITED')
    const other = wait('192.0.2.1')
    while (instance.tail.waiting() < 1001) await new Promise(resolve => setImmediate(resolve))
    for (const controller of gone) controller.abort()
    await Promise.all([...waiting, other])
    // Their places are free again.
    const again = instance.ask(cursor, { wait_seconds: 20, ip: '2001:db8::1' })
    while (instance.tail.waiting() === 0) await new Promise(resolve => setImmediate(resolve))
    const jti = await revoke()
    expect(idsOf((await again).jws)).toEqual([jti])
  })
})

describe.skipIf(!hasPostgres)(
  'the revocation feed while the session that numbers the entries is frozen',
  () => {
    it('sends each entry once without a number, and again with its number', async () => {
      const backend = await (backends.find(({ name }) => name === 'postgres') ?? unreachable()).open()
      onTestFinished(() => backend.close())
      const directory = mkdtempSync(join(tmpdir(), 'signet-feed-'))
      onTestFinished(() => rmSync(directory, { recursive: true }))
      const keys = await openKeys({ directory, clock: () => new Date(), log })
      if ('faults' in keys) throw new Error(keys.faults.join())
      onTestFinished(() => keys.close())
      const start = () => {
        const clock = () => new Date()
        const tail = createRevocationTail({ feed: createStoredFeed(backend.database), clock, log })
        onTestFinished(() => tail.close())
        const answerFeed = createAnswerFeed({
          tail,
          keys,
          cursors,
          clock,
          issuer: ISSUER,
          signatures: { consume: async () => null, isExhausted: () => null },
          followers: createActivityMeter({ metrics: absentMetrics, clock }).followers,
        })
        return async (cursor: string | null, wait_seconds = 10) => {
          const signal = new AbortController().signal
          const { jws } = await answerFeed({ cursor, wait_seconds, signal, ip: '::1' })
          return { ids: idsOf(jws), cursor: payloadOf(jws).cursor }
        }
      }
      const [one, other] = [start(), start()]
      const revoke = async () => {
        const jti = randomUUID()
        const expires_at = new Date(Date.now() + 900_000)
        await createRevocations(backend.database, { access_token_seconds: 900 }).revokeAccessToken({
          jti,
          expires_at,
        })
        return bare(jti)
      }
      const before = await one(null)
      let thaw = () => {}
      const frozen = backend.database.sql.begin(async sql => {
        await sql`select from feed_head for update`
        await new Promise<void>(resolve => {
          thaw = resolve
        })
      })
      const first = await revoke()
      const began = performance.now()
      const heard = await one(before.cursor)
      expect(heard.ids).toEqual([first])
      expect(performance.now() - began).toBeLessThan(2000)
      // Nothing is new: the request waits at either instance, and is not answered at once again and again.
      expect((await one(heard.cursor, 1)).ids).toEqual([])
      expect((await other(heard.cursor, 1)).ids).toEqual([])
      // A follower that begins now receives the entry too.
      expect((await other(null)).ids).toEqual([first])
      const second = await revoke()
      const next = await other(heard.cursor)
      expect(next.ids.toSorted()).toEqual([first, second].toSorted())
      thaw()
      await frozen
      const again = new Set<string>()
      const numberOf = (cursor: string) => cursors.parse(cursor)?.position.number
      for (let { cursor } = next; numberOf(cursor) === numberOf(before.cursor); ) {
        const step = await one(cursor)
        for (const id of step.ids) again.add(id)
        ;({ cursor } = step)
      }
      expect([...again].toSorted()).toEqual([first, second].toSorted())
    })
  },
)

const unreachable = (): never => {
  throw new Error('this suite needs Postgres: guard it with hasPostgres')
}
