import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { refreshTokens, signUp, trySignIn, trySignUp } from '../support/accounts/account-api.ts'
import { createAsk, newEmail, PASSWORD } from '../support/ask.ts'
import { createDatabaseWithSchema, createRedis, hasPostgres, hasRedis } from '../support/backends.ts'
import { PEPPER } from '../support/clients.ts'
import { becomesReady, openSandbox, type Sandbox, stopProgram } from '../support/process.ts'
import { type FaultProxy, openFaultProxy } from '../support/services/fault-proxy.ts'
import { openOwnRedis } from '../support/services/own-redis.ts'
import { freePort } from '../support/services/services.ts'

const SECRET = 'a-secret-of-a-confidential-client-0123456789'
const CLIENT = { client_id: 'service', client_secret: SECRET, grant_types: ['client_credentials'] }
const Authorization = `Basic ${Buffer.from(`service:${SECRET}`).toString('base64')}`

const proxyTo = async (url: string): Promise<{ proxy: FaultProxy; url: string }> => {
  const target = new URL(url)
  const proxy = await openFaultProxy({ host: target.hostname, port: Number(target.port) })
  target.port = String(proxy.port)
  return { proxy, url: target.href }
}

describe.skipIf(!hasPostgres || !hasRedis)('a running server', () => {
  let sandbox: Sandbox
  let database: Awaited<ReturnType<typeof createDatabaseWithSchema>>
  let redis: Awaited<ReturnType<typeof createRedis>>
  let proxies: FaultProxy[]
  let environment: Record<string, string>
  beforeEach(async () => {
    ;[sandbox, database, redis] = await Promise.all([
      openSandbox(),
      createDatabaseWithSchema(),
      createRedis(),
    ])
    proxies = []
    const CLIENTS_FILE = join(sandbox.directory, 'clients.json')
    writeFileSync(CLIENTS_FILE, JSON.stringify([CLIENT]))
    environment = {
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      REFRESH_TOKEN_PEPPER: PEPPER,
      CLIENTS_FILE,
      TRUSTED_PROXIES: '127.0.0.1',
      ISSUER: 'http://localhost:8080',
    }
  })
  afterEach(async () => {
    await sandbox.close()
    for (const proxy of proxies) await proxy.close()
    await database.drop()
  })
  const behindProxy = async (name: 'DATABASE_URL' | 'REDIS_URL') => {
    const { proxy, url } = await proxyTo(environment[name] ?? '')
    environment[name] = url
    proxies.push(proxy)
    return proxy
  }
  const start = async (more: Readonly<Record<string, string>> = {}) => {
    const program = sandbox.start({ ...environment, ...more })
    await becomesReady(program)
    return program
  }
  const register = () => signUp(sandbox, newEmail())
  const clientCredentials = () =>
    sandbox.ask('/token', { form: { grant_type: 'client_credentials' }, headers: { Authorization } })
  const statusOf = async (path: string) => (await sandbox.ask(path)).status

  it('answers 503 and issues nothing while Postgres is away, and recovers by itself', async () => {
    const proxy = await behindProxy('DATABASE_URL')
    const program = await start()
    const person = await register()
    const email = newEmail()
    await proxy.refuse()
    const refused = await Promise.all([
      trySignUp(sandbox, email),
      trySignIn(sandbox, person.user.email),
      refreshTokens(sandbox, person),
      sandbox.ask('/auth/logout', { body: { refresh_token: person.refresh_token } }),
      sandbox.ask('/auth/me', { token: person.access_token }),
      sandbox.ask('/token', {
        form: { grant_type: 'refresh_token', refresh_token: person.refresh_token, client_id: 'first-party' },
      }),
      sandbox.ask('/revoke', { form: { token: person.refresh_token, client_id: 'first-party' } }),
    ])
    for (const { status, headers, text } of refused) {
      expect(status).toBe(503)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
      expect(text).not.toMatch(/_token"|ECONNREFUSED|postgres/i)
    }
    expect(await sandbox.ask('/readyz')).toMatchObject({ status: 503, body: { missing: ['database'] } })
    for (const path of ['/livez', '/.well-known/jwks.json', '/.well-known/oauth-authorization-server'])
      expect(await statusOf(path)).toBe(200)
    await proxy.accept()
    await expect.poll(() => statusOf('/readyz'), { timeout: 10_000 }).toBe(200)
    expect(await statusOf('/livez')).toBe(200)
    expect((await sandbox.ask('/auth/me', { token: person.access_token })).status).toBe(200)
    expect((await refreshTokens(sandbox, person)).status).toBe(200)
    await signUp(sandbox, email)
    expect(program.process.exitCode).toBeNull()
    expect(await stopProgram(program)).toMatchObject({ code: 0 })
  })

  it('is ready and degraded without Redis, lets no revoked token pass, and logs the outage once', async () => {
    const proxy = await behindProxy('REDIS_URL')
    const program = await start()
    const [person, signedOut] = [await register(), await register()]
    await sandbox.ask('/auth/logout', { method: 'POST', token: signedOut.access_token })
    expect(await sandbox.ask('/readyz')).toMatchObject({
      status: 200,
      body: { status: 'ready', degraded: [] },
    })
    await proxy.refuse()
    await expect.poll(async () => (await sandbox.ask('/readyz')).body.degraded).toEqual(['redis'])
    expect(await sandbox.ask('/readyz')).toMatchObject({ status: 200, body: { status: 'degraded' } })
    expect((await sandbox.ask('/auth/me', { token: signedOut.access_token })).status).toBe(401)
    expect((await sandbox.ask('/auth/me', { token: person.access_token })).status).toBe(200)
    await sandbox.ask('/auth/logout', { method: 'POST', token: person.access_token })
    expect((await sandbox.ask('/auth/me', { token: person.access_token })).status).toBe(401)
    await expect
      .poll(
        () => program.log().filter(line => line['msg'] === 'redis is away: limits count in process').length,
      )
      .toBe(1)
    const from = '192.0.2.1'
    const json = { email: 'nobody@example.com', password: PASSWORD }
    const tries = []
    for (let attempt = 0; attempt < 6; attempt++)
      tries.push((await sandbox.ask('/auth/login', { body: json, from })).status)
    expect(tries).toEqual([401, 401, 401, 401, 401, 429])
    await proxy.accept()
    await expect
      .poll(async () => (await sandbox.ask('/readyz')).body.status, { timeout: 10_000 })
      .toBe('ready')
    expect((await sandbox.ask('/auth/me', { token: person.access_token })).status).toBe(401)
    await expect.poll(program.log).toContainEqual(expect.objectContaining({ msg: 'redis is back' }))
  })

  it('answers in time while Redis hangs, and starts without it', async () => {
    const proxy = await behindProxy('REDIS_URL')
    await start()
    const person = await register()
    proxy.stall()
    expect((await sandbox.ask('/auth/me', { token: person.access_token })).status).toBe(200)
    proxy.cut()
    proxy.heal()
    const other = await openSandbox()
    const degraded = other.start({ ...environment, REDIS_URL: `redis://127.0.0.1:${await freePort()}` })
    await becomesReady(degraded)
    expect(await other.ask('/readyz')).toMatchObject({
      status: 200,
      body: { degraded: ['redis'] },
    })
    expect(await stopProgram(degraded)).toMatchObject({ code: 0 })
    await other.close()
  })

  it('ends with 2 and one line when Redis lacks the database of REDIS_URL', async () => {
    const own = await openOwnRedis('--databases', '16')
    const program = sandbox.start({ ...environment, REDIS_URL: `${own.url}/16` })
    expect(await program.ended).toMatchObject({ code: 2 })
    expect(program.err()).toBe(
      'signetd: REDIS_URL: its database cannot be selected: ERR DB index is out of range; name one that it has, or raise its databases\n',
    )
    await start({ REDIS_URL: `${own.url}/15` })
    await own.close()
  })

  it('continues, degraded, when Redis loses that database after the start', async () => {
    const own = await openOwnRedis('--databases', '16')
    const { proxy, url } = await proxyTo(`${own.url}/16`)
    proxies.push(proxy)
    await proxy.refuse()
    const program = await start({ REDIS_URL: url })
    await proxy.accept()
    await expect
      .poll(() => program.log().some(line => String(line['error']).includes('out of range')), {
        timeout: 10_000,
      })
      .toBe(true)
    expect(await sandbox.ask('/readyz')).toMatchObject({ status: 200, body: { degraded: ['redis'] } })
    const person = await register()
    await sandbox.ask('/auth/logout', { method: 'POST', token: person.access_token })
    expect((await sandbox.ask('/auth/me', { token: person.access_token })).status).toBe(401)
    expect(await own.admin.dbsize()).toBe(0)
    expect(await stopProgram(program)).toMatchObject({ code: 0 })
    await own.close()
  })

  it('lets no revoked token pass after a flush of Redis', async () => {
    await start()
    const person = await register()
    await sandbox.ask('/auth/logout', { method: 'POST', token: person.access_token })
    await redis.flush()
    expect((await sandbox.ask('/auth/me', { token: person.access_token })).status).toBe(401)
    expect((await refreshTokens(sandbox, person)).status).toBe(401)
  })

  it('gives the same successor to a retry with the same key after a kill between commit and answer', async () => {
    const program = await start()
    const { refresh_token, user } = await register()
    const sql = postgres(database.url, { max: 1 })
    const generation = async () =>
      (await sql`select generation from refresh_families where user_id = ${user.id}`)[0]?.['generation']
    const body = JSON.stringify({ refresh_token })
    const lost = connect(sandbox.port, '127.0.0.1').on('error', () => {})
    // This client never reads the answer.
    lost.pause()
    lost.write(
      `POST /auth/refresh HTTP/1.1\r\nHost: x\r\nIdempotency-Key: once\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    await expect.poll(generation, { interval: 1 }).toBe(1)
    await stopProgram(program, 'SIGKILL')
    lost.destroy()
    await start()
    const retry = () =>
      sandbox.ask('/auth/refresh', { body: { refresh_token }, headers: { 'Idempotency-Key': 'once' } })
    const [first, second] = [await retry(), await retry()]
    expect([first.status, second.status]).toEqual([200, 200])
    expect(second.body.refresh_token).toBe(first.body.refresh_token)
    expect(await generation()).toBe(1)
    await sql.end()
    expect((await refreshTokens(sandbox, first.body)).status).toBe(200)
  })

  it('reads CLIENTS_FILE again on SIGHUP, and keeps its clients when the file has faults', async () => {
    const program = await start()
    const file = environment['CLIENTS_FILE'] ?? ''
    expect((await clientCredentials()).status).toBe(200)
    writeFileSync(file, '[{ "client_id": "service" }]')
    program.process.kill('SIGHUP')
    await expect
      .poll(() => program.log().find(line => String(line['msg']).startsWith('not reloaded')))
      .toMatchObject({ faults: [expect.stringContaining('client "service": client_secret is required')] })
    expect((await clientCredentials()).status).toBe(200)
    writeFileSync(file, '[]')
    program.process.kill('SIGHUP')
    await expect.poll(() => program.log().some(line => line['msg'] === 'reloaded')).toBe(true)
    expect((await clientCredentials()).status).toBe(401)
  })

  it('shares everything with a second server', async () => {
    const PORT = String(await freePort())
    const programs = await Promise.all([start(), start({ PORT })])
    const [one, two] = [sandbox, { ask: createAsk(`http://127.0.0.1:${PORT}`) }]
    expect((await two.ask('/.well-known/jwks.json')).text).toBe(
      (await one.ask('/.well-known/jwks.json')).text,
    )
    const person = await register()
    expect((await two.ask('/auth/me', { token: person.access_token })).body).toEqual(person.user)
    const race = await Promise.all([refreshTokens(one, person), refreshTokens(two, person)])
    expect(new Set(race.map(({ status }) => status))).toEqual(new Set([200, 401]))
    const winner = race.find(({ status }) => status === 200)
    expect((await two.ask('/auth/me', { token: winner?.body.access_token ?? '' })).status).toBe(401)
    const other = await register()
    expect((await two.ask('/auth/logout', { method: 'POST', token: other.access_token })).status).toBe(204)
    expect((await one.ask('/auth/me', { token: other.access_token })).status).toBe(401)
    const from = '192.0.2.2'
    const wrong = { body: { email: 'nobody@example.com', password: PASSWORD }, from }
    const tries = []
    for (const { ask } of [one, two, one, two, one, two, one])
      tries.push((await ask('/auth/login', wrong)).status)
    expect(tries).toEqual([401, 401, 401, 401, 401, 429, 429])
    for (const program of programs) expect(await stopProgram(program)).toMatchObject({ code: 0 })
  })
})
