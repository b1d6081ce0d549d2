import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { followRevocations } from '../../../src/sdk/revocations-node.ts'
import { createVerifier } from '../../../src/sdk/verify-node.ts'
import { createDatabaseWithSchema, createRedis, hasPostgres, hasRedis } from '../../support/backends.ts'
import { API } from '../../support/clients.ts'
import { becomesReady, type Program, startProgram, stopProgram } from '../../support/process.ts'
import { freePort } from '../../support/services/services.ts'

const FOLLOWERS = 50
const CLIENT = { client_id: 'service', client_secret: randomBytes(32).toString('base64url') }
const AUTHORIZATION = `Basic ${Buffer.from(`${CLIENT.client_id}:${CLIENT.client_secret}`).toString('base64')}`

/** A load balancer: hands each connection to the next instance that accepts it. */
const openBalancer = async (port: number, targets: readonly number[]) => {
  const sockets = new Set<Socket>()
  let turn = 0
  const forward = (client: Socket, attempts: number) => {
    turn += 1
    const target = connect(targets[turn % targets.length] ?? 0, '127.0.0.1')
    sockets.add(target)
    target.once('connect', () => client.pipe(target).pipe(client))
    target.on('error', () =>
      target.connecting && attempts > 1 ? forward(client, attempts - 1) : client.destroy(),
    )
    target.once('close', () => {
      sockets.delete(target)
      if (!target.connecting && target.bytesRead + target.bytesWritten > 0) client.destroy()
    })
    client.once('close', () => target.destroy())
  }
  const server = createServer(client => {
    sockets.add(client)
    client.on('error', () => client.destroy())
    client.once('close', () => sockets.delete(client))
    forward(client, targets.length + 1)
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return {
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

describe.skipIf(!hasPostgres || !hasRedis)('a revocation with two instances and fifty followers', () => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-two-'))
  const programs: Program[] = []
  const closers: (() => unknown)[] = []
  const followers: ReturnType<typeof followRevocations>[] = []
  let issuer = ''
  let known = ''
  let redis: Awaited<ReturnType<typeof createRedis>>
  beforeAll(async () => {
    const database = await createDatabaseWithSchema()
    redis = await createRedis()
    const ports = [await freePort(), await freePort()] as const
    const front = await freePort()
    issuer = `http://127.0.0.1:${front}`
    const pepper = randomBytes(32).toString('base64url')
    const clients = [{ ...CLIENT, grant_types: ['client_credentials'], scope: 'read', audience: API }]
    writeFileSync(join(directory, 'clients.json'), JSON.stringify(clients))
    for (const port of ports) {
      programs.push(
        startProgram({
          PORT: String(port),
          INTERNAL_PORT: 'off',
          ISSUER: issuer,
          DATABASE_URL: database.url,
          REDIS_URL: redis.url,
          DRAIN_SECONDS: '0',
          KEYS_DIR: join(directory, 'keys'),
          DATA_DIR: directory,
          CLIENTS_FILE: join(directory, 'clients.json'),
          REFRESH_TOKEN_PEPPER: pepper,
        }),
      )
    }
    await Promise.all(programs.map(becomesReady))
    const balancer = await openBalancer(front, ports)
    closers.push(balancer.close, database.drop)
    for (let count = 0; count < FOLLOWERS; count += 1) followers.push(followRevocations({ issuer }))
    await Promise.all(followers.map(follower => follower.ready()))
  })
  afterAll(async () => {
    for (const follower of followers) follower.close()
    for (const program of programs) await stopProgram(program, 'SIGKILL')
    for (const close of closers) await close()
    rmSync(directory, { recursive: true, force: true })
  })

  const post = async (path: string, form: Record<string, string>): Promise<Response> => {
    const request = {
      method: 'POST',
      headers: { Authorization: AUTHORIZATION },
      body: new URLSearchParams(form),
    }
    // The connection may have led to the instance that was killed.
    for (;;) {
      try {
        return await fetch(issuer + path, request)
      } catch {
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }
  }
  const issue = async (): Promise<string> => {
    const answer = await (await post('/token', { grant_type: 'client_credentials' })).json()
    return (answer as { access_token: string }).access_token
  }

  let verifier: ReturnType<typeof createVerifier> | undefined

  /** Milliseconds from the answer of /revoke until each follower refuses the token. */
  const measure = async (count: number): Promise<readonly number[]> => {
    // A service has fetched the keys long before an instance is killed.
    verifier ??= createVerifier({ issuer, audience: API })
    const times: number[] = []
    for (let turn = 0; turn < count; turn += 1) {
      const token = await issue()
      const { claims } = await verifier.verify(token)
      known = claims.jti
      expect(followers.map(follower => follower.check(claims))).toEqual(followers.map(() => 'live'))
      expect((await post('/revoke', { token })).status).toBe(200)
      const start = performance.now()
      const deaf = new Set(followers)
      while (deaf.size > 0 && performance.now() - start < 15_000) {
        for (const follower of deaf) {
          if (follower.check(claims) !== 'revoked') continue
          deaf.delete(follower)
          times.push(performance.now() - start)
        }
        await new Promise(resolve => setTimeout(resolve, 2))
      }
      expect(deaf.size).toBe(0)
    }
    return times.toSorted((one, other) => one - other)
  }
  const p99 = (times: readonly number[]) => times[Math.floor(times.length * 0.99)] ?? Infinity

  it('reaches each follower within two seconds', async () => {
    const times = await measure(20)
    expect(p99(times)).toBeLessThan(2000)
  }, 60_000)

  it('reaches each follower after a flush of Redis', async () => {
    await redis.flush()
    expect(p99(await measure(3))).toBeLessThan(2000)
  }, 60_000)

  it('reaches each follower when one instance is killed at that moment', async () => {
    const [first] = programs
    if (first === undefined) throw new Error('no instance')
    first.process.kill('SIGKILL')
    const times = await measure(10)
    expect(p99(times)).toBeLessThan(2000)
    expect(followers.map(follower => follower.state().revocation)).toEqual(followers.map(() => 'checked'))
  }, 60_000)

  it('lets no request wait when an instance stops, and followers keep what they know', async () => {
    const [, second] = programs
    if (second === undefined) throw new Error('no instance')
    expect((await stopProgram(second)).seconds).toBeLessThan(5)
    const stranger = { jti: randomUUID(), sub: 'ada', client_id: 'service', iat: 1, exp: 2 }
    expect(followers.map(follower => follower.check(stranger))).toEqual(followers.map(() => 'live'))
    expect(followers.every(follower => follower.check({ ...stranger, jti: known }) === 'revoked')).toBe(true)
  })
})
