import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { followRevocations } from '../../src/sdk/revocations-node.ts'
import type { RevocationQuery, RevocationSource } from '../../src/sdk/verify/revocation-source.ts'
import { migrate } from '../../src/store/migrations/migrate.ts'
import { createAsk } from '../support/ask.ts'
import { hasPostgres } from '../support/backends.ts'
import { CLIENTS, PEPPER, SERVICE } from '../support/clients.ts'
import { becomesReady, openSandbox, type Program } from '../support/process.ts'
import { connect, openCluster } from '../support/services/cluster.ts'
import { freePort } from '../support/services/services.ts'

/** Seconds within which an acknowledged ending must reach every follower. */
const HEARD_SECONDS = 2
/** The pause between two faults. */
const QUIET_MILLISECONDS = 5_000

type Ending = { query: RevocationQuery; at: number; heard: (number | null)[] }

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))
const seconds = () => performance.now() / 1000

const isReadyAgain = (origin: string) =>
  expect
    .poll(
      () =>
        createAsk(origin)('/readyz').then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 30_000 },
    )
    .toBe(200)

const queryOf = (token: string): RevocationQuery =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

describe.skipIf(!hasPostgres)('acknowledged endings over two servers and a failover', () => {
  const closers: (() => Promise<unknown> | void)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close()
  })

  it('reach the followers of both servers within two seconds of the last fault', async () => {
    const cluster = await openCluster()
    closers.push(cluster.close)
    await cluster.attach()
    await migrate({ url: cluster.url })
    const sandbox = await openSandbox()
    closers.push(sandbox.close)
    const CLIENTS_FILE = join(sandbox.directory, 'clients.json')
    writeFileSync(CLIENTS_FILE, JSON.stringify(CLIENTS))
    const environment = {
      DATABASE_URL: cluster.url,
      REFRESH_TOKEN_PEPPER: PEPPER,
      CLIENTS_FILE,
      TRUSTED_PROXIES: '127.0.0.1',
      ISSUER: 'http://localhost:8080',
      RATE_LIMIT_REVOKE: 'off',
    }
    const ports = [sandbox.port, await freePort()]
    const start = (port: number) => sandbox.start({ ...environment, PORT: String(port) })
    const programs: Program[] = ports.map(start)
    await Promise.all(programs.map(becomesReady))
    const origins = ports.map(port => `http://127.0.0.1:${port}`)
    const followers: readonly RevocationSource[] = origins.map(origin => {
      const follower = followRevocations({
        issuer: 'http://localhost:8080',
        url: `${origin}/revocations`,
        jwks_uri: `${origin}/.well-known/jwks.json`,
      })
      closers.push(() => follower.close())
      return follower
    })

    const endings: Ending[] = []
    const refused: string[] = []
    const stopping = new AbortController()
    let acknowledgedAt = 0
    const work = async (origin: string) => {
      const ask = createAsk(origin)
      while (!stopping.signal.aborted) {
        await pause(10)
        try {
          const { status, body } = await ask('/token', {
            form: { grant_type: 'client_credentials' },
            headers: SERVICE,
          })
          if (status !== 200) {
            refused.push(`${status} ${body.error}`)
            continue
          }
          const ended = await fetch(`${origin}/revoke`, {
            method: 'POST',
            headers: SERVICE,
            body: new URLSearchParams({ token: body.access_token }),
          })
          if (ended.status !== 200) {
            refused.push(`revoke ${ended.status}`)
            continue
          }
          acknowledgedAt = seconds()
          endings.push({
            query: queryOf(body.access_token),
            at: acknowledgedAt,
            heard: followers.map(() => null),
          })
        } catch (error) {
          refused.push(String(error))
          // A server that was killed has acknowledged nothing.
        }
      }
    }
    const watch = async () => {
      while (!stopping.signal.aborted || endings.some(({ heard }) => heard.includes(null))) {
        await pause(10)
        for (const { query, heard } of endings)
          for (const [index, follower] of followers.entries())
            if (heard[index] === null && (await follower.check(query)) === 'revoked') heard[index] = seconds()
        if (stopping.signal.aborted && seconds() - acknowledgedAt > 20) return
      }
    }
    const workers = origins.map(work)
    const watching = watch()

    const faults: Readonly<Record<string, () => Promise<void>>> = {
      'a backend is killed': async () => {
        const sql = connect(cluster.primary.port)
        const [row] = await sql<{ pid: number }[]>`
          select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1`
        process.kill(row?.pid ?? 0, 'SIGKILL')
        await sql.end({ timeout: 1 }).catch(() => {})
      },
      'the postmaster is killed': async () => {
        await cluster.primary.killPostmaster()
        await cluster.primary.start()
      },
      'an instance is killed': async () => {
        const [first] = programs
        first?.process.kill('SIGKILL')
        await first?.ended
        programs[0] = start(ports[0] ?? 0)
        await becomesReady(programs[0])
      },
      'the standby takes over': async () => {
        await cluster.primary.killPostmaster()
        cluster.standby.promote()
        await cluster.standAlone(cluster.standby)
      },
    }
    const windows: { name: string; began: number; over: number; acknowledged: number }[] = []
    for (const [name, fault] of Object.entries(faults)) {
      await pause(QUIET_MILLISECONDS)
      const began = seconds()
      await fault()
      // The fault is over once both servers acknowledge again.
      await Promise.all(origins.map(isReadyAgain))
      windows.push({ name, began, over: seconds(), acknowledged: endings.length })
    }
    await pause(QUIET_MILLISECONDS)
    stopping.abort()
    await Promise.all([...workers, watching])
    /** Counts from the acknowledgement, or from the end of a fault in between. */
    const latenessOf = (at: number, heard: number) =>
      heard -
      windows.reduce(
        (from, { began, over }) => (at < over && heard > began ? Math.max(from, over) : from),
        at,
      )
    const unheard = endings.filter(({ heard }) => heard.includes(null))
    const lateness = endings.flatMap(({ at, heard }) =>
      heard.filter(each => each !== null).map(each => latenessOf(at, each)),
    )
    console.table(
      windows.map(({ name, began, over, acknowledged }) => ({ name, seconds: over - began, acknowledged })),
    )
    console.log({ acknowledged: endings.length, unheard: unheard.length, slowest: Math.max(...lateness) })
    expect(unheard).toEqual([])
    expect(Math.max(...lateness)).toBeLessThan(HEARD_SECONDS)
  }, 180_000)
})
