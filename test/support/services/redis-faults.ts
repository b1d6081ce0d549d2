import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import postgres from 'postgres'
import { BLOCKLIST_COMPLETE, redisPrefixOf } from '../../../src/domain/revocations/blocklist-key.ts'
import { type RevocationQuery, redisRevocations } from '../../../src/sdk/redis.ts'
import { type Ask, type Askable, createAsk, newEmail, PASSWORD } from '../ask.ts'
import { createDatabaseWithSchema } from '../backends.ts'
import { PEPPER } from '../clients.ts'
import { becomesReady, openSandbox } from '../process.ts'
import { openFaultProxy } from './fault-proxy.ts'
import { freePort, startOwnRedis } from './services.ts'

const ISSUER = 'http://localhost:8080'
const PREFIX = redisPrefixOf(ISSUER)
/** Milliseconds until every service that reads Redis knows of a sign-out, or knows that its copy is incomplete. */
const KNOWN_MILLISECONDS = 6_000

/** Entries that the feed has at the start: several pages, so that a fault comes while they are copied. */
const ENTRIES = 10_000

/** Two processes of the program on one Postgres and one Redis, which fails on demand. */
export const openFaultyRedis = async () => {
  const [sandbox, database, redis] = await Promise.all([
    openSandbox(),
    createDatabaseWithSchema(),
    startOwnRedis(),
  ])
  if (redis === null) throw new Error('this suite needs Redis: guard it with hasRedis')
  await seedRevocations(database.url)
  const target = new URL(redis.url)
  const proxy = await openFaultProxy({ host: target.hostname, port: Number(target.port) })
  // A connection past the proxy, which configures the Redis and reads what the servers wrote.
  const admin = new Redis(redis.url)
  const CLIENTS_FILE = join(sandbox.directory, 'clients.json')
  writeFileSync(CLIENTS_FILE, '[]')
  const environment = {
    DATABASE_URL: database.url,
    REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
    REFRESH_TOKEN_PEPPER: PEPPER,
    CLIENTS_FILE,
    TRUSTED_PROXIES: '127.0.0.1',
    ISSUER,
  }
  const second = await freePort()
  const programs = [sandbox.start(environment), sandbox.start({ ...environment, PORT: String(second) })]
  await Promise.all(programs.map(becomesReady))
  const config = (name: string, value: string) => admin.config('SET', name, value)
  return {
    programs,
    servers: [sandbox, { ask: createAsk(`http://127.0.0.1:${second}`) }] as const,
    admin,
    faults: {
      'is away': { begin: proxy.refuse, end: proxy.accept },
      'comes and goes': {
        begin: async () => proxy.cut(),
        end: async () => proxy.reset(),
      },
      hangs: {
        begin: async () => proxy.stall(),
        end: async () => {
          proxy.cut()
          proxy.heal()
        },
      },
      'fills up while everything is copied to it': {
        begin: async () => {
          await admin.flushall()
          await config('maxmemory', String((await usedBytes(admin)) + 300_000))
        },
        end: () => config('maxmemory', '0'),
      },
      'goes while everything is copied to it': {
        begin: async () => {
          await admin.flushall()
          while ((await admin.dbsize()) < 2_000) await pause(1)
          proxy.cut()
        },
        end: async () => {},
      },
      'is full': { begin: () => config('maxmemory', '1'), end: () => config('maxmemory', '0') },
      'is a replica': {
        begin: () => admin.replicaof('127.0.0.1', '1'),
        end: () => admin.replicaof('NO', 'ONE'),
      },
      'has too few replicas': {
        begin: () => config('min-replicas-to-write', '1'),
        end: () => config('min-replicas-to-write', '0'),
      },
      evicts: {
        begin: async () => {
          await config('maxmemory-policy', 'allkeys-lru')
          // Each server reads the policy every half second, and then stops renewing the marker, which lives for five seconds.
          while ((await admin.exists(PREFIX + BLOCKLIST_COMPLETE)) === 1) await pause(10)
          await config('maxmemory', '1500000')
        },
        end: async () => {
          await config('maxmemory', '0')
          await config('maxmemory-policy', 'noeviction')
        },
      },
      'was emptied': { begin: () => admin.flushall(), end: async () => {} },
    } satisfies Record<string, Fault>,
    close: async () => {
      await sandbox.close()
      admin.disconnect()
      await proxy.close()
      await Promise.all([redis.stop(), database.drop()])
    },
  }
}

export type FaultyRedis = Awaited<ReturnType<typeof openFaultyRedis>>

type Fault = Readonly<{ begin: () => Promise<unknown>; end: () => Promise<unknown> }>

const usedBytes = async (redis: Redis): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])

const seedRevocations = async (url: string) => {
  const sql = postgres(url, { max: 1 })
  await sql`
    insert into revocations (kind, value, expires_at)
    select 'jti', gen_random_uuid()::text, now() + interval '15 minutes' from generate_series(1, ${ENTRIES})`
  await sql.end()
}

/** Signs in, refreshes, sends wrong passwords and signs out, again and again until it is stopped. Returns every wrong answer. */
export const openTraffic = ({ servers, admin }: FaultyRedis) => {
  const faults: string[] = []
  const gone: Readonly<{ token: RevocationQuery; at: number }>[] = []
  const revocations = redisRevocations({ issuer: ISSUER, mget: keys => admin.mget(keys) })
  let turns = 0
  const stopping = new AbortController()
  const visit = async (one: Askable, other: Askable) => {
    const email = newEmail()
    const expectStatus = async (wanted: number, ...[path, request]: Parameters<Ask>) => {
      const answer = await one.ask(path, request)
      if (answer.status !== wanted) faults.push(`${path}: ${answer.status} instead of ${wanted}`)
      return answer.body
    }
    const { access_token, refresh_token } = await expectStatus(201, '/auth/register', {
      body: { email, password: PASSWORD },
    })
    await expectStatus(401, '/auth/login', { body: { email, password: `not ${PASSWORD}` } })
    await expectStatus(200, '/auth/refresh', { body: { refresh_token } })
    await expectStatus(204, '/auth/logout', { method: 'POST', token: access_token })
    gone.push({ token: claimsOf(access_token), at: performance.now() })
    const { status } = await other.ask('/auth/me', { token: access_token })
    if (status !== 401) faults.push(`signed out, and ${status} elsewhere`)
    turns += 1
  }
  const work = async (one: Askable, other: Askable) => {
    while (!stopping.signal.aborted)
      await visit(one, other).catch((error: unknown) => {
        faults.push(String(error))
      })
  }
  /** Watches that a service accepts no token that was signed out. */
  const watch = async () => {
    while (!stopping.signal.aborted) {
      await pause(50)
      const known = gone.filter(({ at }) => performance.now() - at > KNOWN_MILLISECONDS)
      const standings = await Promise.all(
        known.map(({ token }) => revocations.check(token).catch(() => 'stale')),
      )
      if (standings.includes('live')) faults.push('a service takes a token that was ended')
    }
  }
  const workers = Promise.all([
    watch(),
    ...servers.map((server, index) => work(server, servers[1 - index] ?? server)),
  ])
  return {
    stop: async () => {
      stopping.abort()
      await workers
      return { turns, faults }
    },
  }
}

export type Traffic = ReturnType<typeof openTraffic>

const claimsOf = (token: string): RevocationQuery =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))
