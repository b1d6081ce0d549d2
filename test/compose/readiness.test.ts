import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHeartbeat } from '../../src/store/heartbeat.ts'
import { ALIVE, claimsOf, lives, refreshTokens, sidOf, signUp } from '../support/accounts/account-api.ts'
import { newEmail, times } from '../support/ask.ts'
import { hasPostgres } from '../support/backends.ts'
import { askApp } from '../support/bindings.ts'
import { CLIENT_CREDENTIALS, SERVICE } from '../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'
import { createLog } from '../support/effects.ts'
import { isActive } from '../support/refresh.ts'
import { createMigratedDatabase, withDatabase } from '../support/services/postgres-admin.ts'
import { findPostgresBinaries, type Service, startPostgres } from '../support/services/services.ts'

const HOUR_MILLISECONDS = 3_600_000
const READY = { status: 200, body: { status: 'ready', missing: [], degraded: [] } }

describe.skipIf(!hasPostgres || findPostgresBinaries() === null)(
  '/readyz, when Postgres answers and does not commit',
  () => {
    let service: Service
    let admin: Sql
    let deployment: Deployment
    let signet: Instance
    beforeAll(async () => {
      service = await startPostgres(findPostgresBinaries() ?? '', { fsync: 'off' })
      admin = postgres(service.url, { max: 1, onnotice: () => {} })
      deployment = await openDeployment()
      const DATABASE_URL = withDatabase(service.url, await createMigratedDatabase(service.url))
      signet = await deployment.start({ environment: { DATABASE_URL } })
    })
    afterAll(async () => {
      await requireStandby('')
      await deployment.close()
      await admin.end()
      await service.stop()
    })

    /** With a name that no standby has, every commit waits for ever. */
    const requireStandby = async (name: string) => {
      await admin.unsafe(`alter system set synchronous_standby_names = '${name}'`)
      await admin`select pg_reload_conf()`
    }
    /** Heartbeats that hang. The feed's numbering hangs in a commit too. */
    const hangingHeartbeats = async () =>
      (
        await admin`
          select from pg_stat_activity
          where wait_event = 'SyncRep' and query like '%clock_timestamp() as at%'`
      ).length
    const readiness = () => signet.ask('/readyz')

    it('is 503 while commits hang, holds one connection for that, and is 200 again by itself', async () => {
      const person = await signUp(signet, newEmail())
      expect(await readiness()).toMatchObject(READY)
      await requireStandby('absent')
      await expect
        .poll(readiness, { timeout: 15_000 })
        .toMatchObject({ status: 503, body: { missing: ['database'] } })
      const answers = await Promise.all(times(20).map(readiness))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
      expect(await hangingHeartbeats()).toBe(1)
      expect((await signet.ask('/auth/me', { token: person.access_token })).status).toBe(200)
      expect((await signet.ask('/livez')).status).toBe(200)
      await requireStandby('')
      await expect.poll(readiness, { timeout: 15_000 }).toMatchObject(READY)
      expect(await lives(signet, person)).toEqual(ALIVE)
    })
  },
)

describe('/readyz', () => {
  let deployment: Deployment
  beforeAll(async () => {
    deployment = await openDeployment()
  })
  afterAll(() => deployment.close())

  it('writes once for many callers', async () => {
    let writes = 0
    const { database } = deployment
    const heartbeat = createHeartbeat({
      database: {
        ...database,
        run: query => {
          writes++
          return database.run(query)
        },
      },
      holder: crypto.randomUUID(),
      clock: () => new Date(),
      log: createLog().log,
    })
    await Promise.all(times(50).map(heartbeat.beat))
    expect(writes).toBe(1)
  })

  describe.each([
    ['ahead of', 1],
    ['behind', -1],
  ])('on a server whose clock is an hour %s that of the database', (_, sign) => {
    let signet: Instance
    let right: Instance
    beforeAll(async () => {
      const clock = () => new Date(Date.now() + sign * HOUR_MILLISECONDS)
      signet = await deployment.start({ clock, environment: { INTERNAL_PORT: '9090' } })
      right = await deployment.start()
      await signet.ask('/readyz')
    })

    /** The ids of the whole feed, in hexadecimal. */
    const endedAt = async (server: Instance) => {
      const { ids } = z
        .object({ ids: z.record(z.string(), z.string()) })
        .parse(claimsOf((await server.ask('/revocations')).text))
      return Object.values(ids)
        .map(packed => Buffer.from(packed, 'base64url').toString('hex'))
        .join()
    }
    const metric = async () => {
      if (signet.internalApp === null) throw new Error('there is no internal listener')
      const text = await (await askApp(signet.internalApp, '/metrics')).text()
      return Number(/^signet_database_clock_offset_seconds (\S+)$/m.exec(text)?.[1])
    }

    it('names the clock, as the metric and the log do', async () => {
      expect(await signet.ask('/readyz')).toMatchObject({
        status: 200,
        body: { status: 'degraded', degraded: ['clock'] },
      })
      expect(await right.ask('/readyz')).toMatchObject(READY)
      expect(Math.round((await metric()) / 60)).toBe(-sign * 60)
      expect(signet.lines.filter(({ event }) => event === 'clock_differs')).toHaveLength(1)
    })

    it('issues tokens that live here and elsewhere, and that end in time', async () => {
      const person = await signUp(signet, newEmail())
      const next = await refreshTokens(signet, person)
      const client = await signet.token(CLIENT_CREDENTIALS, SERVICE)
      for (const server of [signet, right]) {
        expect((await server.ask('/auth/me', { token: next.body.access_token })).status).toBe(200)
        expect(await isActive(server, client.body.access_token)).toBe(true)
      }
      const { iat, exp } = z
        .object({ iat: z.number(), exp: z.number() })
        .parse(claimsOf(client.body.access_token))
      expect(exp - iat).toBe(900)
      expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(60)
    })

    it('lets endings reach the feed', async () => {
      const person = await signUp(signet, newEmail())
      await signet.ask('/auth/logout', { body: { refresh_token: person.refresh_token } })
      const ended = sidOf(person).replaceAll('-', '')
      for (const server of [signet, right])
        await expect.poll(() => endedAt(server), { timeout: 10_000 }).toContain(ended)
    })
  })
})
