import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createPepper } from '../../../src/domain/base/pepper.ts'
import { Problem } from '../../../src/domain/refusals/problem.ts'
import { createCursors } from '../../../src/domain/revocations/feed-cursor.ts'
import { createActivityMeter } from '../../../src/flows/events/activity-meter.ts'
import { createAnswerFeed } from '../../../src/flows/revocations/feed.ts'
import { createRevocationTail } from '../../../src/flows/revocations/tail.ts'
import { absentMetrics } from '../../../src/platform/metrics.ts'
import type { Keys } from '../../../src/ports/keys.ts'
import { openKeys } from '../../../src/signing/open-keys.ts'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { createRevocationFeed as createStoredFeed } from '../../../src/store/revocations/revocation-feed.ts'
import { createRevocations } from '../../../src/store/revocations/revocations.ts'
import { hasPostgres } from '../../support/backends.ts'
import { openDatabase } from '../../support/database.ts'
import { findPostgresBinaries, type Service, startPostgres } from '../../support/services/services.ts'

const clock = () => new Date()
const log = { info: () => {}, warn: () => {}, error: () => {} }
const cursors = createCursors([createPepper(Buffer.alloc(32, 1))])
const unlimited = { consume: async () => null, isExhausted: () => null }

const payloadOf = (jws: string) =>
  JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as Readonly<{
    cursor: string
    ids: Readonly<Record<string, string>>
  }>

/** The feed of one instance and its follower, which asks again after every failure. */
const startFollower = (url: string, keys: Keys) => {
  const database = openDatabase({ url, pool_size: 3, answer_seconds: 2 })
  const tail = createRevocationTail({ feed: createStoredFeed(database), clock, log })
  const answerFeed = createAnswerFeed({
    tail,
    keys,
    cursors,
    clock,
    issuer: 'https://id.example',
    signatures: unlimited,
    followers: createActivityMeter({ metrics: absentMetrics, clock }).followers,
  })
  const heard = new Set<string>()
  const closing = new AbortController()
  let cursor: string | null = null
  let beginnings = 0
  const step = async () => {
    const { jws } = await answerFeed({ cursor, wait_seconds: 1, signal: closing.signal, ip: '::1' })
    const answer = payloadOf(jws)
    for (const ids of Object.values(answer.ids))
      for (const id of Buffer.from(ids, 'base64url').toString('hex').match(/.{32}/g) ?? []) heard.add(id)
    ;({ cursor } = answer)
  }
  const follow = async () => {
    while (!closing.signal.aborted)
      await step().catch(async (error: unknown) => {
        if (error instanceof Problem) {
          cursor = null
          beginnings += 1
        }
        await new Promise(resolve => setTimeout(resolve, 20))
      })
  }
  const following = follow()
  const close = async () => {
    closing.abort()
    await following
    await tail.close()
    await database.close()
  }
  return { heard, beginnings: () => beginnings, close }
}

describe.skipIf(!hasPostgres)('revocations while Postgres crashes', () => {
  let server: Service
  let keys: Keys & { close: () => Promise<void> }
  const directory = mkdtempSync(join(tmpdir(), 'signet-crash-'))
  beforeAll(async () => {
    const binaries = findPostgresBinaries()
    if (binaries === null) throw new Error('this suite needs Postgres: guard it with hasPostgres')
    // A commit must outlive the crash of a process. The machine does not crash here.
    server = await startPostgres(binaries, { fsync: 'off' })
    await migrate({ url: server.url })
    const opened = await openKeys({ directory, clock, log })
    if ('faults' in opened) throw new Error(opened.faults.join())
    keys = opened
  })
  afterAll(async () => {
    await keys.close()
    await server.stop()
    rmSync(directory, { recursive: true })
  })

  it('reach the followers of both instances when they were acknowledged', async () => {
    const followers = [startFollower(server.url, keys), startFollower(server.url, keys)]
    for (const follower of followers) onTestFinished(follower.close)
    const database = openDatabase({ url: server.url, pool_size: 4, answer_seconds: 2 })
    onTestFinished(database.close)
    const told: string[] = []
    const writing = { isOver: false }
    const write = async () => {
      while (!writing.isOver) {
        const jti = randomUUID()
        await createRevocations(database, { access_token_seconds: 900 })
          .revokeAccessToken({ jti, expires_at: new Date(Date.now() + 900_000) })
          .then(() => told.push(jti.replaceAll('-', '')))
          .catch(() => new Promise(resolve => setTimeout(resolve, 10)))
      }
    }
    const writers = [write(), write(), write()]
    for (let crash = 0; crash < 3; crash += 1) {
      const before = told.length
      await expect.poll(() => told.length, { timeout: 30_000 }).toBeGreaterThan(before + 50)
      await killBackend()
    }
    const before = told.length
    await expect.poll(() => told.length, { timeout: 30_000 }).toBeGreaterThan(before + 50)
    writing.isOver = true
    await Promise.all(writers)
    const ended = performance.now()
    for (const { heard } of followers)
      await expect.poll(() => told.filter(jti => !heard.has(jti)), { timeout: 10_000 }).toEqual([])
    expect(performance.now() - ended).toBeLessThan(5000)
    // The database has lost nothing: no cursor was refused.
    expect(followers.map(({ beginnings }) => beginnings())).toEqual([0, 0])
  }, 120_000)

  /** Kills one backend, as the kernel does when memory is short: Postgres ends every other backend and recovers. A transaction stays unfinished. */
  const killBackend = async () => {
    const victim = openDatabase({ url: server.url, pool_size: 1, answer_seconds: 10 })
    const asleep = victim.run(sql => sql`select pg_current_xact_id(), pg_sleep(60)`)
    asleep.catch(() => {})
    const find = async () => {
      const [row] = await victim.sql<{ pid: number }[]>`
        select pid from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()`
      return row?.pid ?? 0
    }
    await expect.poll(find).toBeGreaterThan(0)
    process.kill(await find(), 'SIGKILL')
    await expect(asleep).rejects.toThrow()
    await victim.close()
  }
})
