import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Unavailable } from '../../../src/domain/base/unavailable.ts'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { type Database, openDatabase } from '../../../src/store/postgres/database.ts'
import { schemaState } from '../../../src/store/schema/database-faults.ts'
import { hasPostgres } from '../../support/backends.ts'
import { type FaultProxy, openFaultProxy } from '../../support/services/fault-proxy.ts'
import { findPostgresBinaries, type Service, startPostgres } from '../../support/services/services.ts'

describe.skipIf(!hasPostgres)('a pool with a primary and a standby', () => {
  let servers: readonly Service[]
  let proxy: FaultProxy
  let url: string
  let database: Database

  beforeAll(async () => {
    const binaries = findPostgresBinaries()
    if (binaries === null) throw new Error('no Postgres')
    const password = crypto.randomUUID()
    servers = await Promise.all(
      [true, false].map(isStandby => startPostgres(binaries, { fsync: 'off' }, { password, isStandby })),
    )
  })
  afterAll(() => Promise.all(servers.map(server => server.stop())))

  beforeEach(async () => {
    const [standby, primary] = servers.map(({ url }) => new URL(url))
    if (standby === undefined || primary === undefined) throw new Error('two servers')
    proxy = await openFaultProxy({ host: primary.hostname, port: Number(primary.port) })
    url = standby.href.replace(standby.host, `${standby.host},127.0.0.1:${proxy.port}`)
    database = openDatabase({ url, pool_size: 3, answer_seconds: 1 })
    return async () => {
      await database.close()
      await proxy.close()
    }
  })

  const read = () =>
    database.run(sql => sql<{ is_old: boolean }[]>`select pg_is_in_recovery() as is_old from pg_sleep(0.02)`)
  const readings = async () =>
    new Set((await Promise.all(Array.from({ length: 6 }, read))).flat().map(({ is_old }) => is_old))

  it('reads nothing there: what it says may be old', async () => {
    expect(await readings()).toEqual(new Set([false]))
  })

  it('migrates the primary', async () => {
    const steps = await migrate({ url })
    expect(steps.length).toBeGreaterThan(1)
    expect(await migrate({ url })).toEqual([])
    expect(await schemaState(database)).toEqual({ state: 'current' })
  })

  it('reads nothing from the standby while the primary is away, and finds the primary again', async () => {
    await readings()
    await proxy.refuse()
    await expect(read()).rejects.toThrow(Unavailable)
    await proxy.accept()
    await expect.poll(() => readings().catch(() => null), { timeout: 5000 }).toEqual(new Set([false]))
  })
})
