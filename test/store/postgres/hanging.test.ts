import postgres, { type Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Unavailable } from '../../../src/domain/base/unavailable.ts'
import { type Database, openDatabase } from '../../../src/store/postgres/database.ts'
import { hasPostgres } from '../../support/backends.ts'
import { findPostgresBinaries, type Service, startPostgres } from '../../support/services/services.ts'

const POOL = 4
/** Connections beside the size of the pool: three spares and the watchdog. */
const FEW = 4
const ANSWER_SECONDS = 1

describe.skipIf(!hasPostgres || findPostgresBinaries() === null)('the pool, when Postgres hangs', () => {
  let service: Service
  let admin: Sql
  let database: Database
  let stopped: number[] = []

  beforeAll(async () => {
    service = await startPostgres(findPostgresBinaries() ?? '', { max_connections: '40' })
    admin = postgres(service.url, { max: 1, onnotice: () => {} })
    await admin`create table written (id int primary key, times int)`
    await admin`insert into written select id, 0 from generate_series(1, 10) id`
  })
  afterAll(async () => {
    await admin.end()
    await service.stop()
  })
  beforeEach(() => {
    database = openDatabase({ url: service.url, pool_size: POOL, answer_seconds: ANSWER_SECONDS })
  })
  afterEach(async () => {
    wake()
    await wait(null)
    await database.close()
    await expect.poll(() => backends(), { timeout: 10_000 }).toEqual([])
  })

  const backends = async () => {
    const rows = await admin<{ pid: number }[]>`
      select pid from pg_stat_activity where application_name = 'signetd' order by pid`
    return rows.map(({ pid }) => pid)
  }
  /** Commits wait for a standby of this name, which does not exist: from the moment in which one was seen to wait. */
  const wait = async (standby: string | null) => {
    await admin.unsafe(
      standby === null
        ? 'alter system reset synchronous_standby_names'
        : `alter system set synchronous_standby_names = '${standby}'`,
    )
    await admin`select pg_reload_conf()`
    await expect
      .poll(async () => (await admin`show synchronous_standby_names`)[0]?.['synchronous_standby_names'])
      .toBe(standby ?? '')
    if (standby !== null) await seeCommitWait()
  }
  /** The checkpointer of Postgres lets commits wait, some time after a session shows the setting. The commits of this probe go on with the others. */
  const seeCommitWait = async () => {
    const probe = postgres(service.url, { max: 4, onnotice: () => {} })
    const commit = () => void probe`select pg_logical_emit_message(true, 'probe', '')`.catch(() => {})
    await expect
      .poll(async () => {
        commit()
        return (await admin`select from pg_stat_activity where wait_event = 'SyncRep'`).length
      })
      .toBeGreaterThan(0)
    void probe.end().catch(() => {})
  }
  /** A backend that has ended meanwhile is skipped. */
  const signal = (pid: number, name: 'SIGSTOP' | 'SIGCONT') => {
    try {
      process.kill(pid, name)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
  const freeze = async () => {
    for (const pid of await backends()) {
      signal(pid, 'SIGSTOP')
      stopped.push(pid)
    }
  }
  const wake = () => {
    for (const pid of stopped) signal(pid, 'SIGCONT')
    stopped = []
  }

  let id = 1000
  const write = () => database.run(sql => sql`insert into written values (${id++}, 0)`)
  const read = () => database.run(sql => sql`select 1 as one`)

  /** Sends requests for `seconds`. Returns the highest count of backends, and the slowest refusal of the last 20 requests. */
  const storm = async (seconds: number, ask: () => Promise<unknown>) => {
    const asked: Promise<number>[] = []
    let most = 0
    let last = 0
    const end = performance.now() + seconds * 1000
    while (performance.now() < end) {
      const began = performance.now()
      const answered = () => performance.now() - began
      last = asked.length
      for (let count = 0; count < 20; count++) asked.push(ask().then(answered, answered))
      most = Math.max(most, (await backends()).length)
      await admin`select pg_sleep(0.05)`
    }
    const times = await Promise.all(asked)
    most = Math.max(most, (await backends()).length)
    return { most, slowest_milliseconds: Math.max(...times.slice(last)) }
  }
  const works = (ask: () => Promise<unknown>) =>
    ask().then(
      () => true,
      () => false,
    )

  it('never has more backends than its size and a few while commits wait for a standby that is gone', async () => {
    await write()
    await wait('nobody')
    const { most, slowest_milliseconds } = await storm(12, write)
    expect(most).toBeGreaterThan(POOL)
    expect(most).toBeLessThanOrEqual(POOL + FEW)
    // No caller waits for an answer that cannot come.
    expect(slowest_milliseconds).toBeLessThan(200)
    await expect(read()).rejects.toThrow(Unavailable)
    await wait(null)
    await expect.poll(() => works(write), { timeout: 5000 }).toBe(true)
    await expect.poll(async () => (await backends()).length, { timeout: 5000 }).toBeLessThanOrEqual(POOL)
  }, 60_000)

  it('does not cancel a commit that waits for its standby, so that no unreplicated commit becomes visible', async () => {
    await write()
    await wait('nobody')
    const one = database.run(sql => sql`update written set times = 1000000 where id = 1`)
    await expect(one).rejects.toThrow(Unavailable)
    await storm(4, read)
    expect(await admin`select from written where times = 1000000`).toHaveLength(0)
    await wait(null)
    await expect.poll(() => works(write), { timeout: 5000 }).toBe(true)
    expect(await admin`select from written where times = 1000000`).toHaveLength(1)
  }, 60_000)

  it('continues with spares when its backends are frozen, repeatedly, and never has more backends', async () => {
    await Promise.all(Array.from({ length: 20 }, read))
    let most = 0
    for (let turn = 0; turn < 4; turn++) {
      await freeze()
      most = Math.max(most, (await storm(3, write)).most)
      if (turn === 0) await expect.poll(() => works(read), { timeout: 10_000 }).toBe(true)
    }
    expect(most).toBeLessThanOrEqual(POOL + FEW)
    wake()
    await expect.poll(() => works(write), { timeout: 5000 }).toBe(true)
    await storm(2, write)
    await expect.poll(async () => (await backends()).length, { timeout: 5000 }).toBeLessThanOrEqual(POOL)
  }, 60_000)

  it('cancels a statement that waits for a row when no timeout of the server does', async () => {
    const holder = postgres(service.url, { max: 1, onnotice: () => {} })
    const held = await holder.reserve()
    await held`begin`
    await held`select from written where id = 7 for update`
    const stuck = database.run(sql =>
      sql.begin(async own => {
        await own`select set_config('statement_timeout', '0', true)`
        await own`update written set times = -1 where id = 7`
      }),
    )
    await expect(stuck).rejects.toThrow(Unavailable)
    await expect
      .poll(() => admin`select from pg_stat_activity where wait_event_type = 'Lock'`, { timeout: 5000 })
      .toHaveLength(0)
    await held`rollback`
    held.release()
    await holder.end()
    expect(await admin`select from written where times = -1`).toHaveLength(0)
  }, 60_000)
})
