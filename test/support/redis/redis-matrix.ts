import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { redisPrefixOf } from '../../../src/domain/revocations/blocklist-key.ts'
import { type RevocationQuery, redisRevocations } from '../../../src/sdk/redis.ts'
import { newEmail, PASSWORD } from '../ask.ts'
import { createDatabaseWithSchema } from '../backends.ts'
import { PEPPER } from '../clients.ts'
import { becomesReady, openSandbox } from '../process.ts'
import { REDIS_FORMS, type RedisInForm } from './redis-forms.ts'

const ISSUER = 'http://localhost:8080'
const LIMIT = 3
const PATIENCE = { timeout: 20_000, interval: 50 }

type Trouble = Readonly<{
  begin: (redis: RedisInForm) => Promise<unknown>
  end: (redis: RedisInForm) => Promise<unknown>
}>

const configured = (name: string, value: string, before: string): Trouble => ({
  begin: async ({ primary }) => (await primary()).admin.config('SET', name, value),
  end: async ({ primary }) => (await primary()).admin.config('SET', name, before),
})

/** Stops or freezes the primary, until `end`. */
const gone = (leave: 'kill' | 'freeze', back: 'start' | 'thaw'): Trouble => {
  const left = new WeakMap<RedisInForm, Awaited<ReturnType<RedisInForm['primary']>>>()
  return {
    begin: async redis => {
      const server = await redis.primary()
      left.set(redis, server)
      await server[leave]()
      if (redis.isReplicated) await redis.primary()
    },
    end: async redis => {
      await left.get(redis)?.[back]()
    },
  }
}

export const TROUBLE_NAMES = [
  'stopped',
  'hanging',
  'full',
  'evicting',
  'read-only',
  'emptied',
  'demoted',
] as const

export type TroubleName = (typeof TROUBLE_NAMES)[number]

const TROUBLES: Readonly<Record<TroubleName, Trouble>> = {
  stopped: gone('kill', 'start'),
  hanging: gone('freeze', 'thaw'),
  full: configured('maxmemory', '1', '0'),
  evicting: configured('maxmemory-policy', 'allkeys-lru', 'noeviction'),
  'read-only': configured('min-replicas-to-write', '5', '0'),
  emptied: { begin: async ({ primary }) => (await primary()).admin.flushall(), end: async () => {} },
  demoted: { begin: ({ demote }) => demote(), end: async () => {} },
}

/**
 * What `/readyz` names while the trouble lasts, of a Redis without replicas and of one with them. `followed`: the instance is healthy at
 * the new primary while the trouble lasts. `unharmed`: there is nothing to name.
 */
const EXPECTED: Readonly<Record<TroubleName, Readonly<Record<'alone' | 'replicated', Expected>>>> = {
  stopped: { alone: 'redis', replicated: 'followed' },
  hanging: { alone: 'redis', replicated: 'followed' },
  full: { alone: 'redis', replicated: 'redis' },
  evicting: { alone: 'redis_eviction', replicated: 'redis_eviction' },
  'read-only': { alone: 'redis', replicated: 'redis' },
  emptied: { alone: 'unharmed', replicated: 'unharmed' },
  demoted: { alone: 'redis', replicated: 'followed' },
}

type Expected = 'redis' | 'redis_eviction' | 'followed' | 'unharmed'

export const FORM_NAMES = [
  'server',
  'tls',
  'socket',
  'sentinel',
  'sentinel-tls',
  'cluster',
  'cluster-tls',
] as const

export type FormName = (typeof FORM_NAMES)[number]

/** A program on a Redis of one form. */
export const openForm = async (name: FormName) => {
  const [sandbox, database, redis] = await Promise.all([
    openSandbox(),
    createDatabaseWithSchema(),
    REDIS_FORMS[name]({ prefix: redisPrefixOf(ISSUER) }),
  ])
  const CLIENTS_FILE = join(sandbox.directory, 'clients.json')
  writeFileSync(CLIENTS_FILE, '[]')
  const start = () =>
    sandbox.start({
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      REFRESH_TOKEN_PEPPER: PEPPER,
      CLIENTS_FILE,
      TRUSTED_PROXIES: '127.0.0.1',
      RATE_LIMIT_LOGIN: `${LIMIT}/3600`,
      ISSUER,
      ...redis.environment,
    })
  const close = async () => {
    await sandbox.close()
    await Promise.all([redis.close(), database.drop()])
  }
  try {
    await becomesReady(start())
  } catch (error) {
    await close()
    throw error
  }
  const revocations = redisRevocations({ issuer: ISSUER, isCluster: redis.isCluster, mget: redis.mget })
  let addresses = 0
  const newAddress = () => {
    addresses += 1
    return `192.0.2.${addresses}`
  }
  const standingOf = (token: string) => revocations.check(claimsOf(token)).catch(() => 'stale')
  const issue = async (): Promise<string> => {
    const body = { email: newEmail(), password: PASSWORD }
    const answer = await sandbox.ask('/auth/register', { body, from: newAddress() })
    expect(answer.status).toBe(201)
    return answer.body.access_token
  }
  const end = async (token: string) =>
    expect((await sandbox.ask('/auth/logout', { method: 'POST', token })).status).toBe(204)
  const statusOf = async (token: string) => (await sandbox.ask('/auth/me', { token })).status
  const guess = async (from: string) => {
    const body = { email: newEmail(), password: PASSWORD }
    return (await sandbox.ask('/auth/login', { body, from })).status
  }
  const degraded = async () => (await sandbox.ask('/readyz')).body.degraded
  return {
    redis,
    issue,
    end,
    statusOf,
    standingOf,
    guess,
    degraded,
    newAddress,
    close,
  }
}

export type OpenForm = Awaited<ReturnType<typeof openForm>>

/** One cell of the matrix: the instance and a service before, in and after the trouble. */
export const goThrough = async (form: OpenForm, name: TroubleName) => {
  const { redis, issue, end, statusOf, standingOf, guess, degraded } = form
  const { begin, end: stop } = TROUBLES[name]
  const expected = EXPECTED[name][redis.isReplicated ? 'replicated' : 'alone']
  const [before, during, living] = [await issue(), await issue(), await issue()]
  const address = form.newAddress()
  const isHealthy = async () => {
    await expect.poll(degraded, PATIENCE).toEqual([])
    await expect.poll(() => standingOf(living), PATIENCE).toBe('live')
  }
  await isHealthy()
  for (let count = 1; count < LIMIT; count++) expect(await guess(address)).toBe(401)
  await end(before)
  await expect.poll(() => standingOf(before), PATIENCE).toBe('revoked')

  const believed = new Set<string>()
  const watching = new AbortController()
  const watch = (async () => {
    while (!watching.signal.aborted) {
      believed.add(await standingOf(before))
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  })()
  await begin(redis)
  if (expected === 'redis' || expected === 'redis_eviction')
    await expect.poll(degraded, PATIENCE).toEqual([expected])
  expect(await guess(address)).toBe(401)
  expect(await guess(address)).toBe(429)
  expect(await guess(form.newAddress())).toBe(401)
  await end(during)
  expect([await statusOf(before), await statusOf(during), await statusOf(living)]).toEqual([401, 401, 200])
  if (expected === 'followed') await isHealthy()

  await stop(redis)
  await redis.settle()
  await isHealthy()
  await expect.poll(() => standingOf(during), PATIENCE).toBe('revoked')
  expect(await standingOf(before)).toBe('revoked')
  watching.abort()
  await watch
  expect([...believed]).not.toContain('live')
  expect(await guess(address)).toBe(429)
  expect(await guess(form.newAddress())).toBe(401)
  expect(await statusOf(during)).toBe(401)
}

const claimsOf = (token: string): RevocationQuery =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
