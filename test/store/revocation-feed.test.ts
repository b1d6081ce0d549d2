import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { covers, type Snapshot } from '../../src/domain/feed-cursor.ts'
import type { Revocation } from '../../src/domain/revocation.ts'
import { createRevocationFeed } from '../../src/store/revocation-feed.ts'
import { createRevocations } from '../../src/store/revocations.ts'
import { backends, hasPostgres, type OpenBackend } from '../support/backends.ts'

const inAnHour = () => new Date(Date.now() + 3_600_000)
const valuesOf = (revocations: readonly Revocation[]) => revocations.map(({ value }) => value)

describe.each(backends)('the feed in the store on $name', ({ open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())
  const feed = () => createRevocationFeed(backend.database)
  const revoke = (jti: string, expires_at = inAnHour()) =>
    createRevocations(backend.database, { access_token_seconds: 900 }).revokeAccessToken({ jti, expires_at })
  const now = async () => feed().readAll(() => {})

  it('shows what was revoked since a snapshot, once, and nothing that was there before', async () => {
    await revoke(randomUUID())
    const before = await now()
    const jti = randomUUID()
    await revoke(jti)
    const { snapshot, revocations } = await feed().readSince(before)
    expect(valuesOf(revocations)).toEqual([jti])
    expect(revocations[0]).toMatchObject({ kind: 'jti', issued_until: null })
    expect((await feed().readSince(snapshot)).revocations).toEqual([])
    expect([covers(snapshot, before), covers(before, snapshot)]).toEqual([true, false])
  })

  it('has what has expired for as long as a verifier with a late clock may take it, and no longer', async () => {
    const before = await now()
    const jti = randomUUID()
    const expires_at = new Date(Date.now() - 290_000)
    await revoke(jti, expires_at)
    await revoke(randomUUID(), new Date(Date.now() - 300_000))
    const { revocations } = await feed().readSince(before)
    expect(valuesOf(revocations)).toEqual([jti])
    expect(revocations[0]?.expires_at).toBe(Math.ceil(expires_at.getTime() / 1000) + 300)
    const all: string[] = []
    await feed().readAll(some => all.push(...valuesOf(some)))
    expect(all.filter(value => value === jti)).toEqual([jti])
  })

  it('hands over everything in portions, and each entry once', async () => {
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
  })
})

describe.skipIf(!hasPostgres)('the feed beside transactions that overlap', () => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await (backends.find(({ name }) => name === 'postgres') ?? unreachable()).open()
  })
  afterAll(() => backend.close())

  /** A revocation that is written but not committed until it is told to. */
  const begin = async () => {
    const jti = randomUUID()
    let commit = () => {}
    let abort = () => {}
    let done: Promise<unknown> = Promise.resolve()
    await new Promise<void>(written => {
      done = backend.database.sql
        .begin(async sql => {
          await sql`insert into revocations (kind, value, expires_at) values ('jti', ${jti}, ${inAnHour()})`
          const end = new Promise<void>((resolve, reject) => {
            commit = resolve
            abort = () => reject(new Error('aborted'))
          })
          written()
          await end
        })
        .catch(() => {})
    })
    return {
      jti,
      commit: async () => {
        commit()
        await done
      },
      abort: async () => {
        abort()
        await done
      },
    }
  }

  const feed = () => createRevocationFeed(backend.database)
  const follow = async (known: Snapshot) => {
    const { snapshot, revocations } = await feed().readSince(known)
    return { snapshot, values: valuesOf(revocations) }
  }

  it('misses nothing when the one that began first commits last', async () => {
    const start = await feed().readAll(() => {})
    const first = await begin()
    const second = await begin()
    await second.commit()
    const early = await follow(start)
    expect(early.values).toEqual([second.jti])
    await first.commit()
    const late = await follow(early.snapshot)
    expect(late.values).toEqual([first.jti])
    expect((await follow(late.snapshot)).values).toEqual([])
  })

  it('announces nothing that was rolled back', async () => {
    const start = await feed().readAll(() => {})
    const aborted = await begin()
    const middle = await follow(start)
    await aborted.abort()
    expect((await follow(middle.snapshot)).values).toEqual([])
    expect((await follow(start)).values).toEqual([])
  })

  it('is not held up by a transaction that stays open', async () => {
    const start = await feed().readAll(() => {})
    const open = await begin()
    let { snapshot } = await follow(start)
    for (let turn = 0; turn < 3; turn += 1) {
      const quick = await begin()
      await quick.commit()
      const seen = await follow(snapshot)
      expect(seen.values).toEqual([quick.jti])
      snapshot = seen.snapshot
    }
    await open.commit()
    expect((await follow(snapshot)).values).toEqual([open.jti])
  })

  it('is missed by no reader that reads while many write', async () => {
    let { snapshot } = await follow(await feed().readAll(() => {}))
    const heard = new Set<string>()
    const told: string[] = []
    let isWriting = true
    const write = async () => {
      for (let turn = 0; turn < 40; turn += 1) {
        const one = await begin()
        await one.commit()
        told.push(one.jti)
      }
    }
    const read = async () => {
      for (let isLast = false; !isLast; ) {
        isLast = !isWriting
        const seen = await follow(snapshot)
        for (const value of seen.values) {
          expect(heard.has(value)).toBe(false)
          heard.add(value)
        }
        snapshot = seen.snapshot
      }
    }
    const writers = Promise.all([write(), write(), write(), write()]).finally(() => {
      isWriting = false
    })
    await Promise.all([writers, read()])
    expect(told.filter(jti => !heard.has(jti))).toEqual([])
  })
})

const unreachable = (): never => {
  throw new Error('there is a Postgres')
}
