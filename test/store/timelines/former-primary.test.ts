import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Unavailable } from '../../../src/domain/base/unavailable.ts'
import { openRedis } from '../../../src/ephemeral/redis.ts'
import { createTimelineMemory } from '../../../src/ephemeral/timeline-memory.ts'
import type { TimelineMemory } from '../../../src/ports/effects.ts'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { openStore } from '../../../src/store/open-store.ts'
import { type Database, openDatabase } from '../../../src/store/postgres/index.ts'
import { hasPostgres, hasRedis } from '../../support/backends.ts'
import { untilWaitingForLock } from '../../support/database.ts'
import { createLog, type LogLine } from '../../support/effects.ts'
import { connect, openCluster } from '../../support/services/cluster.ts'
import { openFaultProxy } from '../../support/services/fault-proxy.ts'

type Cluster = Awaited<ReturnType<typeof openCluster>>
type Process = Readonly<{ database: Database; lines: readonly LogLine[] }>

const BY_THE_NEXT_LOOK = { timeout: 15_000 }

describe.skipIf(!hasPostgres || !hasRedis)('a former primary that goes on serving after a promotion', () => {
  let cluster: Cluster
  let memory: TimelineMemory
  let before: readonly Process[]
  let urls: readonly [string, string]
  const closers: (() => Promise<void> | void)[] = []

  const start = (url: string, own: TimelineMemory | null = null): Process => {
    const { log, lines } = createLog()
    const database = openDatabase({ url, pool_size: 2, log, memory: own })
    closers.push(database.close)
    return { database, lines }
  }
  const write = ({ database }: Process, by: string) =>
    database.run(
      sql => sql<{ port: number }[]>`
        insert into public.marks (by) values (${by})
        returning current_setting('port')::int as port`,
    )
  const marksOn = async (port: number) => {
    const sql = connect(port)
    const rows = await sql<{ by: string }[]>`select by from public.marks order by by`
    await sql.end()
    return rows.map(({ by }) => by)
  }

  beforeAll(async () => {
    const redis_url = inject('redis_url')
    if (redis_url === null) throw new Error('no Redis')
    const redis = openRedis({ url: redis_url, prefix: `${crypto.randomUUID()}:`, log: createLog().log })
    closers.push(redis.close)
    await redis.connect()
    memory = createTimelineMemory(redis)
    cluster = await openCluster()
    closers.push(cluster.close)
    await cluster.attach()
    await cluster.standAlone(cluster.primary)
    const sql = connect(cluster.primary.port)
    await sql`create table public.marks (by text)`
    await sql.end()
    const [first, second] = [cluster.primary, cluster.standby].map(({ port }) => `127.0.0.1:${port}`)
    urls = [`postgres://signet@${first},${second}/postgres`, `postgres://signet@${second},${first}/postgres`]
    before = [start(urls[0], memory), start(urls[1])]
    for (const process of before)
      expect(await write(process, 'before')).toEqual([{ port: cluster.primary.port }])
    expect(before.map(({ database }) => database.load().timeline)).toEqual([1, 1])
    cluster.standby.promote()
  })
  afterAll(async () => {
    for (const close of closers.toReversed()) await close()
  })

  it('is left by processes that served from it, whatever the order of the hosts, and gets nothing from then on', async () => {
    for (const { database } of before)
      await expect.poll(() => database.load().timeline, BY_THE_NEXT_LOOK).toBe(2)
    const left = await marksOn(cluster.primary.port)
    for (const process of before) {
      const results = await Promise.all(['a', 'b', 'c', 'd'].map(by => write(process, by)))
      expect(new Set(results.flat().map(({ port }) => port))).toEqual(new Set([cluster.standby.port]))
    }
    expect(await marksOn(cluster.primary.port)).toEqual(left)
    for (const { database, lines } of before) {
      await expect.poll(() => database.load().isFormerPrimarySeen, BY_THE_NEXT_LOOK).toBe(true)
      expect(lines.map(({ event }) => event)).toEqual(['database_timeline', 'former_primary'])
    }
  })

  it('cuts off no statement that is at the newer primary where one address leads to both', async () => {
    const target = { host: '127.0.0.1', port: cluster.standby.port }
    const address = await openFaultProxy(target)
    closers.push(address.close)
    const process = start(`postgres://signet@127.0.0.1:${address.port}/postgres`)
    const newer = [{ port: cluster.standby.port }]
    expect(await write(process, 'first')).toEqual(newer)
    const holder = connect(cluster.standby.port)
    await holder`begin`
    await holder`lock table public.marks`
    const held = write(process, 'held')
    const watcher = connect(cluster.standby.port)
    await untilWaitingForLock({ sql: watcher })
    await watcher.end()
    target.port = cluster.primary.port
    await expect(write(process, 'turned away')).rejects.toThrow(Unavailable)
    await holder`commit`
    await holder.end()
    expect(await held).toEqual(newer)
    expect(await write(process, 'after')).toEqual(newer)
    expect(await marksOn(cluster.primary.port)).not.toContain('turned away')
  })

  it('is not chosen by a process that has just started, nor by a migration', async () => {
    for (const url of urls) {
      const started = start(url)
      expect(await write(started, 'started')).toEqual([{ port: cluster.standby.port }])
      expect(started.database.load().timeline).toBe(2)
    }
    await migrate({ url: urls[0], months_ahead: 0 })
    const [old, current] = await Promise.all(
      [cluster.primary, cluster.standby].map(async ({ port }) => {
        const sql = connect(port)
        const [row] = await sql`select to_regclass('public.users') is not null as is_there`
        await sql.end()
        return row?.['is_there']
      }),
    )
    expect([old, current]).toEqual([false, true])
  })

  it('gets nothing while the newer primary is away, also from a process that has started since, where Redis remembers', async () => {
    await cluster.standby.killPostmaster()
    const left = await marksOn(cluster.primary.port)
    const [known] = before
    if (known === undefined) throw new Error('no process')
    const restarted = urls.map(url => start(url, memory))
    const alone = start(`postgres://signet@127.0.0.1:${cluster.primary.port}/postgres`, memory)
    for (const process of [...before, ...restarted, alone])
      await expect(write(process, 'late')).rejects.toThrow(Unavailable)
    for (const { lines } of [...restarted, alone])
      expect(lines.filter(({ event }) => event === 'former_primary')).toHaveLength(1)
    expect(await marksOn(cluster.primary.port)).toEqual(left)
    await expect(
      openStore(
        { DATABASE_URL: urls[0], DATABASE_SCHEMA: 'public', DATABASE_POOL_SIZE: 1, DATA_DIR: '' },
        { memory },
      ),
    ).rejects.toThrow(/a newer primary has been seen/)
    // Without Redis nothing tells a process that starts now: docs/deploy.md says so.
    expect(await write(start(urls[0]), 'unknowing')).toEqual([{ port: cluster.primary.port }])

    await cluster.standby.start()
    for (const process of [...before, ...restarted])
      await expect
        .poll(() => write(process, 'again').catch(() => null), BY_THE_NEXT_LOOK)
        .toEqual([{ port: cluster.standby.port }])
    expect(await marksOn(cluster.standby.port)).not.toContain('unknowing')
  })

  it('cannot be told where the database does not tell, which is used all the same', async () => {
    const sql = connect(cluster.standby.port)
    await sql`create role untold login`
    await sql`grant insert, select on public.marks to untold`
    const url = urls[0].replace(/signet@[^/]+/, `untold@127.0.0.1:${cluster.standby.port}`)
    const asUntold = async () => {
      const process = start(url)
      expect(await write(process, 'untold')).toEqual([{ port: cluster.standby.port }])
      return process.database.load().timeline
    }
    await sql`revoke execute on function pg_control_system() from public`
    expect(await asUntold()).toBe(2)
    await sql`revoke execute on function pg_walfile_name(pg_lsn) from public`
    expect(await asUntold()).toBe(null)
    await sql.end()
  })
})
