import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { redisPrefixOf } from '../../src/domain/revocations/blocklist-key.ts'
import { createRedisBlocklist } from '../../src/ephemeral/blocklist.ts'
import { createBlocklistMirror } from '../../src/ephemeral/blocklist-mirror.ts'
import { openRedis } from '../../src/ephemeral/redis.ts'
import { mirrorRevocations } from '../../src/flows/revocations/mirror.ts'
import { redisRevocations } from '../../src/sdk/redis.ts'
import { createRevocationFeed } from '../../src/store/revocations/revocation-feed.ts'
import { createRevocations } from '../../src/store/revocations/revocations.ts'
import { backends, createRedis, hasRedis, type OpenBackend } from '../support/backends.ts'

const log = { info: () => {}, warn: () => {}, error: () => {} }
const ISSUER = 'https://id.example'
const NOW = Math.floor(Date.now() / 1000)
const token = (claims: Readonly<Record<string, string | number>> = {}) => ({
  jti: randomUUID(),
  sid: randomUUID(),
  sub: 'ada',
  client_id: 'web',
  iat: NOW,
  exp: NOW + 900,
  ...claims,
})

describe.skipIf(!hasRedis)('signetd/redis', () => {
  let backend: OpenBackend
  let shared: Awaited<ReturnType<typeof createRedis>>
  let connection: ReturnType<typeof openRedis>
  let service: Redis
  let commands = 0
  const closers: (() => Promise<void>)[] = []
  beforeAll(async () => {
    backend = await (backends.at(-1) ?? unreachable()).open()
  })
  afterAll(() => backend.close())
  beforeEach(async () => {
    shared = await createRedis()
    connection = openRedis({ url: shared.url, prefix: redisPrefixOf(ISSUER), log })
    await connection.connect()
    service = new Redis(shared.url)
    commands = 0
  })
  afterEach(async () => {
    for (const close of closers.splice(0)) await close()
    await connection.close()
    service.disconnect()
  })
  const source = () =>
    redisRevocations({
      issuer: ISSUER,
      mget: keys => {
        commands += 1
        return service.mget(keys)
      },
    })
  const mirror = () =>
    closers.push(
      mirrorRevocations({
        feed: createRevocationFeed(backend.database),
        mirror: createBlocklistMirror(connection),
        clock: () => new Date(),
        log,
        poll_milliseconds: 10,
      }),
    )
  const revoke = async () => {
    const jti = randomUUID()
    const expires_at = new Date(Date.now() + 900_000)
    await createRevocations(backend.database, { access_token_seconds: 900 }).revokeAccessToken({
      jti,
      expires_at,
    })
    return jti
  }
  const becomes = (claims: ReturnType<typeof token>, standing: string) =>
    vi.waitFor(async () => expect(await source().check(claims)).toBe(standing), {
      timeout: 5000,
      interval: 5,
    })

  it('is stale until the blocklist in Redis is marked as complete', async () => {
    expect(await source().check(token())).toBe('stale')
  })

  it('finds tokens revoked before and after the mirror began, and reports all other tokens as live', async () => {
    const before = await revoke()
    mirror()
    await becomes(token(), 'live')
    expect(await source().check(token({ jti: before }))).toBe('revoked')
    const after = await revoke()
    await becomes(token({ jti: after }), 'revoked')
    expect(await source().check(token())).toBe('live')
  })

  it('is stale after Redis was emptied, until every entry is restored', async () => {
    const jti = await revoke()
    mirror()
    await becomes(token({ jti }), 'revoked')
    await becomes(token(), 'live')
    await shared.flush()
    // Never live: it is either still missing, or there again.
    const standings = new Set<unknown>()
    await vi.waitFor(
      async () => {
        standings.add(await source().check(token({ jti })))
        expect(await source().check(token())).toBe('live')
      },
      { timeout: 10_000 },
    )
    expect(standings).not.toContain('live')
    expect(await source().check(token({ jti }))).toBe('revoked')
  })

  it('compares the time of issue with the revocation of a person or a client', async () => {
    const blocklist = createRedisBlocklist(connection)
    await blocklist.add(
      [
        { kind: 'sub', value: 'eve', issued_until: NOW },
        { kind: 'client_id', value: 'cron', issued_until: NOW },
        { kind: 'sid', value: 'a-sign-in' },
      ],
      900,
    )
    mirror()
    await becomes(token(), 'live')
    const check = source().check
    const claims = [
      { sub: 'eve' },
      { sub: 'eve', iat: NOW + 1 },
      { client_id: 'cron', iat: NOW - 1 },
      { client_id: 'cron', iat: NOW + 1 },
      { sid: 'a-sign-in' },
    ].map(token)
    const expected = ['revoked', 'live', 'revoked', 'live', 'revoked']
    expect(await Promise.all(claims.map(check))).toEqual(expected)
    const isBlocked = claims.map(claim => blocklist.has(claim))
    expect(await Promise.all(isBlocked)).toEqual(expected.map(standing => standing === 'revoked'))
  })

  it('sends one command for up to a hundred concurrent checks', async () => {
    const revocations = source()
    await Promise.all(Array.from({ length: 100 }, () => revocations.check(token())))
    expect(commands).toBe(1)
    await Promise.all(Array.from({ length: 101 }, () => revocations.check(token())))
    expect(commands).toBe(3)
  })

  it.each([
    ['never answers', () => new Promise<never>(() => {})],
    ['is unreachable', () => Promise.reject(new Error('away'))],
    ['answers with too few values', () => Promise.resolve(['1'])],
  ])('rejects, which a verifier treats as stale, when Redis %s', async (_, mget) => {
    await expect(
      redisRevocations({ issuer: ISSUER, mget, timeoutMilliseconds: 20 }).check(token()),
    ).rejects.toThrow()
  })

  it('reads only the keys of its issuer or of its prefix', async () => {
    mirror()
    await becomes(token(), 'live')
    const mget = (keys: string[]) => service.mget(keys)
    const standingOf = (place: Readonly<{ issuer?: string; prefix?: string }>) =>
      redisRevocations({ mget, ...place }).check(token())
    expect(await standingOf({ prefix: `signet:${ISSUER}:` })).toBe('live')
    expect(await standingOf({ issuer: 'https://other.example' })).toBe('stale')
    expect(await standingOf({ issuer: ISSUER, prefix: 'signet:' })).toBe('stale')
    for (const place of [{}, { prefix: '' }])
      expect(() => redisRevocations({ mget, ...place })).toThrow('issuer or prefix must be given')
  })

  it('does not mark the blocklist as complete with a ticket that Redis lost', async () => {
    const plain = createBlocklistMirror(connection)
    const ticket = await plain.begin()
    await shared.flush()
    await expect(plain.complete(ticket)).rejects.toThrow('the ticket was lost')
    expect(await plain.renew()).toBe(false)
    expect(await source().check(token())).toBe('stale')
  })
})

const unreachable = (): never => {
  throw new Error('there is a backend')
}
