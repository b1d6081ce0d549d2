import { randomUUID } from 'node:crypto'
import type { ISql } from 'postgres'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { FeedPosition } from '../../../src/domain/revocations/feed-cursor.ts'
import type { Revocation } from '../../../src/domain/revocations/revocation.ts'
import { createEndings } from '../../../src/store/revocations/endings.ts'
import { numberSome } from '../../../src/store/revocations/number-revocations.ts'
import { createRevocationFeed } from '../../../src/store/revocations/revocation-feed.ts'
import { createRevocations } from '../../../src/store/revocations/revocations.ts'
import {
  backends,
  copyDatabase,
  createDatabaseWithSchema,
  hasPostgres,
  type OpenBackend,
} from '../../support/backends.ts'
import { type Database, openDatabase } from '../../support/database.ts'
import { LIFETIMES } from '../../support/families.ts'

const inAnHour = () => new Date(Date.now() + 3_600_000)
const valuesOf = (revocations: readonly Revocation[]) => revocations.map(({ value }) => value)

const revokeIn = async (database: Database, expires_at = inAnHour()) => {
  const jti = randomUUID()
  await createRevocations(database, { access_token_seconds: 900 }).revokeAccessToken({ jti, expires_at })
  return jti
}
const startOf = async (database: Database): Promise<FeedPosition> =>
  (await createRevocationFeed(database).readAll(() => {})).at(-1) ?? unreachable()

/** Reads every entry after a position, numbered or not. */
const follow = async (database: Database, known: FeedPosition) => {
  const step = (await createRevocationFeed(database).readSince(known)) ?? unreachable()
  return {
    position: step.positions.at(-1) ?? known,
    numbered: valuesOf(step.numbered),
    unnumbered: valuesOf(step.unnumbered),
  }
}

describe.each(backends)('the feed in the store on $name', ({ open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())
  const feed = () => createRevocationFeed(backend.database)
  const revoke = (expires_at?: Date) => revokeIn(backend.database, expires_at)
  const now = () => startOf(backend.database)

  it('returns each revocation since a position once, and none from before', async () => {
    await revoke()
    const before = await now()
    const jti = await revoke()
    const after = await follow(backend.database, before)
    expect(after).toMatchObject({ numbered: [jti], unnumbered: [] })
    expect(after.position.number).toBe(before.number + 1)
    expect(after.position.tag).not.toBe(before.tag)
    expect(await follow(backend.database, after.position)).toEqual({
      position: after.position,
      numbered: [],
      unnumbered: [],
    })
    expect(await follow(backend.database, before)).toMatchObject({ numbered: [jti] })
  })

  it('keeps an expired entry for as long as a verifier with a late clock may accept its token, and no longer', async () => {
    const before = await now()
    const expires_at = new Date(Date.now() - 290_000)
    const jti = await revoke(expires_at)
    await revoke(new Date(Date.now() - 300_000))
    const step = await feed().readSince(before)
    expect(valuesOf(step?.numbered ?? [])).toEqual([jti])
    expect(step?.numbered[0]?.expires_at).toBe(Math.ceil(expires_at.getTime() / 1000) + 300)
    const all: string[] = []
    await feed().readAll(some => all.push(...valuesOf(some)))
    expect(all.filter(value => value === jti)).toEqual([jti])
  })

  it('returns all entries in pages, each entry once', async () => {
    const before = await now()
    await backend.database.run(
      sql => sql`
        insert into revocations (kind, value, expires_at)
        select 'jti', gen_random_uuid()::text, statement_timestamp() + interval '1 hour'
        from generate_series(1, 12000)`,
    )
    const portions: number[] = []
    const seen = new Set<string>()
    await feed().readAll(revocations => {
      portions.push(revocations.length)
      for (const { value } of revocations) seen.add(value)
    })
    expect(Math.max(...portions)).toBe(2000)
    expect(portions.reduce((sum, count) => sum + count)).toBe(seen.size)
    expect(seen.size).toBeGreaterThanOrEqual(12_000)
    // Numbered in batches of one thousand, with one number each.
    expect((await now()).number).toBe(before.number + 12)
    expect((await follow(backend.database, before)).numbered).toHaveLength(12_000)
  })

  it('proceeds in steps when many numbers were given', async () => {
    const before = await now()
    const told: string[] = []
    for (let turn = 0; turn < 70; turn += 1) {
      told.push(await revoke())
      expect(await numberSome(backend.database)).toBe(1)
    }
    const heard: string[] = []
    let position = before
    let steps = 0
    for (let isUnfinished = true; isUnfinished; steps += 1) {
      const step = (await feed().readSince(position)) ?? unreachable()
      heard.push(...valuesOf(step.numbered))
      position = step.positions.at(-1) ?? unreachable()
      isUnfinished = step.isUnfinished
    }
    expect(heard.toSorted()).toEqual(told.toSorted())
    expect([position.number, steps]).toEqual([before.number + 70, 3])
  })

  it('returns the entry of a client again when the client is ended again', async () => {
    const endings = createEndings(backend.database, LIFETIMES)
    const first = await now()
    await endings.endClient('web')
    const second = await follow(backend.database, first)
    await endings.endClient('web')
    const third = await follow(backend.database, second.position)
    expect([second, third].map(({ numbered }) => numbered)).toEqual([['web'], ['web']])
    expect((await follow(backend.database, third.position)).numbered).toEqual([])
  })

  it('returns an entry again when the version before ends its subject again', async () => {
    await createEndings(backend.database, LIFETIMES).endClient('old')
    const before = await now()
    await backend.database.run(
      sql => sql`
        update revocations
        set issued_until = issued_until + interval '1 second', transaction_id = pg_current_xact_id()
        where value = 'old'`,
    )
    const after = await follow(backend.database, before)
    expect(after).toMatchObject({ numbered: ['old'], unnumbered: [] })
    expect((await follow(backend.database, after.position)).numbered).toEqual([])
  })

  it('knows its own positions only', async () => {
    const { number, tag } = await now()
    for (const known of [
      { number: number + 1, tag },
      { number, tag: randomUUID() },
      { number: number - 1, tag },
      { number: Number.MAX_SAFE_INTEGER, tag },
    ])
      expect(await feed().readSince(known)).toBeNull()
    expect(await feed().readSince({ number, tag })).not.toBeNull()
  })
})

describe.skipIf(!hasPostgres)('the feed during overlapping transactions', () => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await (backends.find(({ name }) => name === 'postgres') ?? unreachable()).open()
  })
  afterAll(() => backend.close())

  /** A transaction that stays open until it is told to commit. */
  const hold = async (work: (sql: ISql) => Promise<unknown>) => {
    let commit = () => {}
    let abort = () => {}
    let done: Promise<unknown> = Promise.resolve()
    await new Promise<void>((written, refuse) => {
      done = backend.database.sql
        .begin(async sql => {
          await work(sql)
          const end = new Promise<void>((resolve, reject) => {
            commit = resolve
            abort = () => reject(new Error('aborted'))
          })
          written()
          await end
        })
        .catch(refuse)
    })
    const end = (how: () => void) => async () => {
      how()
      await done
    }
    return { commit: end(() => commit()), abort: end(() => abort()) }
  }
  /** A revocation whose transaction stays open until it is told to commit. */
  const begin = async () => {
    const jti = randomUUID()
    const held = await hold(
      sql => sql`insert into revocations (kind, value, expires_at) values ('jti', ${jti}, ${inAnHour()})`,
    )
    return { jti, ...held }
  }

  const start = () => startOf(backend.database)
  const since = (known: FeedPosition) => follow(backend.database, known)

  it('misses nothing when the transaction that began first commits last', async () => {
    const known = await start()
    const first = await begin()
    const second = await begin()
    await second.commit()
    const early = await since(known)
    expect(early.numbered).toEqual([second.jti])
    await first.commit()
    const late = await since(early.position)
    expect(late.numbered).toEqual([first.jti])
    expect((await since(late.position)).numbered).toEqual([])
  })

  it('has no entry that was rolled back', async () => {
    const known = await start()
    const aborted = await begin()
    const middle = await since(known)
    await aborted.abort()
    expect((await since(middle.position)).numbered).toEqual([])
    expect(await since(known)).toMatchObject({ numbered: [], unnumbered: [] })
  })

  it('does not wait for an open transaction', async () => {
    const open = await begin()
    let { position } = await since(await start())
    for (let turn = 0; turn < 3; turn += 1) {
      const quick = await begin()
      await quick.commit()
      const seen = await since(position)
      expect(seen.numbered).toEqual([quick.jti])
      position = seen.position
    }
    await open.commit()
    expect((await since(position)).numbered).toEqual([open.jti])
  })

  it('returns every entry, without a number, while a frozen transaction holds the head', async () => {
    const known = await start()
    const frozen = await hold(sql => sql`select from feed_head for update`)
    const began = performance.now()
    const told = [await revokeIn(backend.database), await revokeIn(backend.database)]
    const seen = await since(known)
    expect(performance.now() - began).toBeLessThan(1000)
    expect(seen).toEqual({
      position: known,
      numbered: [],
      unnumbered: expect.arrayContaining(told),
    })
    await frozen.abort()
    const after = await since(known)
    expect([after.numbered.toSorted(), after.unnumbered]).toEqual([told.toSorted(), []])
    expect(after.position.number).toBe(known.number + 1)
  })

  it('numbers other entries while one is being changed, and that one later', async () => {
    const endings = createEndings(backend.database, LIFETIMES)
    await backend.database.run(
      sql => sql`
        insert into revocations (kind, value, issued_until, expires_at)
        values ('client_id', 'slow', now(), now() + interval '1 hour')`,
    )
    const open = await hold(
      sql => sql`update revocations set expires_at = now() + interval '2 hours' where value = 'slow'`,
    )
    const known = await start()
    const jti = await revokeIn(backend.database)
    await endings.endClient('quick')
    const seen = await since(known)
    expect(seen.numbered.toSorted()).toEqual([jti, 'quick'].toSorted())
    expect(seen.unnumbered).toEqual(['slow'])
    await open.commit()
    expect(await since(seen.position)).toMatchObject({ numbered: ['slow'], unnumbered: [] })
  })

  it('is read completely while many write and many number', async () => {
    let position = await start()
    const heard = new Set<string>()
    const told: string[] = []
    const writing = { isOver: false }
    const write = async () => {
      for (let turn = 0; turn < 70; turn += 1) {
        const one = await begin()
        await one.commit()
        told.push(one.jti)
      }
    }
    const number = async () => {
      while (!writing.isOver) await numberSome(backend.database)
    }
    const read = async () => {
      for (let isLast = false; !isLast; ) {
        isLast = writing.isOver
        const seen = await since(position)
        for (const value of seen.numbered) {
          expect(heard.has(value)).toBe(false)
          heard.add(value)
        }
        position = seen.position
      }
    }
    const writers = Promise.all([write(), write(), write(), write()]).finally(() => {
      writing.isOver = true
    })
    await Promise.all([writers, number(), number(), read()])
    expect(told.filter(jti => !heard.has(jti))).toEqual([])
  })
})

/** A restored backup, or a standby that was promoted before it had every commit. */
describe.skipIf(!hasPostgres)('the feed of a copy', () => {
  it('has the entries of the original, and gives the same numbers with other tags', async () => {
    const original = await createDatabaseWithSchema()
    onTestFinished(original.drop)
    const first = openDatabase({ url: original.url, pool_size: 2 })
    const kept = await revokeIn(first)
    const copied = await startOf(first)
    await first.close()
    const copy = await copyDatabase(original.url)
    onTestFinished(copy.drop)
    const [one, other] = [original.url, copy.url].map(url => openDatabase({ url, pool_size: 2 }))
    if (one === undefined || other === undefined) return unreachable()
    onTestFinished(one.close)
    onTestFinished(other.close)
    await revokeIn(one)
    const newer = await startOf(one)
    const feed = createRevocationFeed(other)
    expect(await feed.readSince(copied)).toMatchObject({ numbered: [], unnumbered: [] })
    expect(await feed.readSince(newer)).toBeNull()
    const late = await revokeIn(other)
    const own = await follow(other, copied)
    expect(own).toMatchObject({ position: { number: newer.number }, numbered: [late] })
    expect(await feed.readSince(newer)).toBeNull()
    const all: string[] = []
    await feed.readAll(some => all.push(...valuesOf(some)))
    expect(all.toSorted()).toEqual([kept, late].toSorted())
  })
})

const unreachable = (): never => {
  throw new Error('there is none')
}
