import { describe, expect, it } from 'vitest'
import type { VerifierOptions } from '../../../src/sdk/verify/options.ts'
import { authentication, resource, role, scope } from '../../../src/sdk/verify/requirements.ts'
import type {
  RevocationQuery,
  RevocationSource,
  Standing,
} from '../../../src/sdk/verify/revocation-source.ts'
import { REFUSALS, TokenError } from '../../../src/sdk/verify/token-error.ts'
import { createVerifier } from '../../../src/sdk/verify-node.ts'
import { AUDIENCE } from '../../support/issuer.ts'
import { refusalOf, stage } from './support.ts'

const errorOf = async (verified: Promise<unknown>): Promise<TokenError> => {
  const error = await verified.catch((error: unknown) => error)
  if (!(error instanceof TokenError)) throw new Error('no TokenError')
  return error
}

describe('createVerifier', () => {
  const good = { issuer: 'https://id.example', audience: AUDIENCE }

  it.each<Record<string, unknown>>([
    { issuer: undefined },
    { issuer: '' },
    { issuer: 'id.example' },
    { issuer: 'http://id.example' },
    { issuer: 'https://id.example?a' },
    { issuer: 'https://id.example#a' },
    { issuer: 'https://a:b@id.example' },
    { issuer: 'ftp://id.example' },
    { issuer: 'http://127.0.0.1.evil.example' },
    { issuer: 'http://localhost.evil.example' },
    { audience: undefined },
    { audience: '' },
    { audience: [] },
    { audience: [''] },
    { audience: [7] },
    { audience: null },
    { audience: 'https://id.example' },
    { audience: [AUDIENCE, 'https://id.example'] },
    { clockToleranceSeconds: -1 },
    { clockToleranceSeconds: 301 },
    { clockToleranceSeconds: Number.NaN },
    { clockToleranceSeconds: '5' },
    { keysMaxStaleSeconds: -1 },
    { keysMaxStaleSeconds: 86_401 },
    { cacheSize: -1 },
    { cacheSize: 1_000_001 },
    { jwks_uri: 'http://keys.example' },
    { jwks_uri: '' },
    { revocations: {} },
    { onStale: 'ignore' },
    { resource: { resource: 'api' } },
    { resource: { resource: 'http://api.example' } },
    { resource: { resource: 'https://api.example#x' } },
  ])('throws for %j', fault => {
    const options = { ...good, ...fault }
    expect(() => Reflect.apply(createVerifier, undefined, [options])).toThrow(TypeError)
  })

  it.each<Partial<VerifierOptions>>([
    {},
    { issuer: 'http://localhost:8080' },
    { issuer: 'http://127.0.0.1:8080' },
    { issuer: 'http://[::1]:8080' },
    { issuer: 'https://id.example/tenant' },
    { audience: ['a', 'b'] },
    { clockToleranceSeconds: 0 },
    { clockToleranceSeconds: 300 },
    { cacheSize: 0 },
    { keysMaxStaleSeconds: 0 },
  ])('accepts %j, and sends no request before it gets a token', options => {
    const fetch = () => Promise.reject(new Error('asked'))
    expect(createVerifier({ ...good, fetch, ...options }).metadata).toBeNull()
  })
})

describe('RFC 6750 §2.1 – the Authorization header', () => {
  const { issue, verifier } = stage()

  it.each([null, undefined, '', 'Basic YTpi', 'DPoP abc', 'Bearertoken', 'token'])(
    'finds no bearer token in %j',
    async header => {
      const error = await errorOf(verifier().authenticate(header))
      expect(error).toMatchObject({ code: 'token_missing', status: 401, challenge: 'Bearer' })
    },
  )

  it.each([
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer a, Bearer b',
    'bearer é',
    'Bearer "a"',
    'Bearer a\tb',
    'Bearer =a',
  ])('refuses %j as malformed', async header => {
    const error = await errorOf(verifier().authenticate(header))
    expect(error).toMatchObject({ code: 'request_malformed', status: 400 })
    expect(error.challenge).toMatch(/^Bearer error="invalid_request", error_description="[^"]+"$/)
  })

  it.each(['Bearer', 'bearer', 'BEARER', 'Bearer  '])(
    'accepts %j as the scheme (RFC 9110 §11.1)',
    async scheme => {
      await expect(verifier().authenticate(`${scheme} ${await issue()}`)).resolves.toBeDefined()
    },
  )
})

describe('the challenge', () => {
  const { issue, verifier, create } = stage()

  it.each(Object.entries(REFUSALS))(
    'of %s has the form of RFC 6750 §3',
    (code, [status, error, description]) => {
      const refusal = new TokenError(code as keyof typeof REFUSALS, { scope: 'a b' })
      const expected = error === null ? '' : `error="${error}", error_description="${description}", `
      expect(refusal.challenge).toBe(`Bearer ${expected}scope="a b"`)
      expect(refusal.status).toBe(status)
      expect(refusal.message).toBe(description)
    },
  )

  it('cannot be split or escaped from (RFC 9110 §5.6.4, §11.2)', () => {
    const { challenge } = new TokenError('token_missing', { scope: 'a"b\\c\r\nX: y\u0000é' })
    expect(challenge).toBe('Bearer scope="a\\"b\\\\cX: y"')
  })

  it('names the missing scope (RFC 6750 §3.1) and the address of the metadata (RFC 9728 §5.1)', async () => {
    const documented = create({ resource: { resource: 'https://api.example/v1' } })
    const token = await issue({ scope: 'a' })
    expect((await errorOf(documented.verify(token, scope('a', 'b')))).challenge).toBe(
      'Bearer error="insufficient_scope", error_description="The access token lacks a scope that is required here.", ' +
        'scope="a b", resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1"',
    )
    expect((await errorOf(documented.authenticate(undefined))).challenge).toBe(
      'Bearer resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1"',
    )
    expect((await errorOf(verifier().authenticate(undefined))).challenge).toBe('Bearer')
  })
})

describe('requirements', () => {
  const { issue, verifier, scene } = stage()
  const verdict = async (claims: Record<string, unknown>, requirement: ReturnType<typeof scope>) =>
    verifier()
      .verify(await issue(claims), requirement)
      .then(
        () => 'met',
        (error: TokenError) => error.code,
      )

  it('scope requires every scope, compared whole and case-sensitively (RFC 6749 §3.3)', async () => {
    expect(await verdict({ scope: 'c b a' }, scope('a', 'b'))).toBe('met')
    for (const granted of ['a', 'ab', 'A B', 'a,b', '', undefined, 'a b2', 'xa b'])
      expect(await verdict({ scope: granted }, scope('a', 'b'))).toBe('scope_insufficient')
  })

  it('role requires one of the roles (RFC 9068 §2.2.3.1)', async () => {
    expect(await verdict({ roles: ['writer'] }, role('admin', 'writer'))).toBe('met')
    for (const roles of [[], ['reader'], ['Admin'], undefined])
      expect(await verdict({ roles }, role('admin', 'writer'))).toBe('role_insufficient')
  })

  it('resource requires its audience among those of the token', async () => {
    expect(await verdict({ aud: [AUDIENCE, 'https://b.example'] }, resource('https://b.example'))).toBe('met')
    expect(await verdict({ aud: AUDIENCE }, resource('https://b.example'))).toBe('audience_mismatch')
  })

  it('authentication requires an acr or a maximal age (RFC 9470 §3)', async () => {
    const recent = authentication({ max_age: 300 })
    expect(await verdict({ auth_time: scene.now - 300 }, recent)).toBe('met')
    expect(await verdict({ auth_time: scene.now - 301 }, recent)).toBe('authentication_insufficient')
    expect(await verdict({}, recent)).toBe('authentication_insufficient')
    const strong = authentication({ acr_values: ['mfa', 'phr'] })
    expect(await verdict({ acr: 'phr' }, strong)).toBe('met')
    for (const acr of ['pwd', 'mfa phr', undefined])
      expect(await verdict({ acr }, strong)).toBe('authentication_insufficient')
    const both = authentication({ acr_values: ['mfa'], max_age: 0 })
    expect(await verdict({ acr: 'mfa', auth_time: scene.now }, both)).toBe('met')
    expect(await verdict({ acr: 'mfa', auth_time: scene.now - 1 }, both)).toBe('authentication_insufficient')
    const error = await errorOf(verifier().verify(await issue(), both))
    expect(error.status).toBe(401)
    expect(error.challenge).toMatch(
      /^Bearer error="insufficient_user_authentication", .*acr_values="mfa", max_age="0"$/,
    )
  })

  it('throw when they demand nothing or a value that no token can hold', () => {
    for (const mistake of [
      () => scope(),
      () => scope(''),
      () => scope('a b'),
      () => scope('a"'),
      () => role(),
      () => role(''),
      () => resource(''),
      () => authentication({}),
      () => authentication({ acr_values: [] }),
      () => authentication({ max_age: -1 }),
      () => authentication({ max_age: 1.5 }),
      () => authentication({ acr_values: ['a b'] }),
    ])
      expect(mistake).toThrow(TypeError)
  })

  it('are checked for a cached token as well, which stays valid after a refusal', async () => {
    const token = await issue({ scope: 'a' })
    await verifier().verify(token, scope('a'))
    expect(await refusalOf(verifier().verify(token, scope('b')))).toBe('scope_insufficient')
    await expect(verifier().verify(token, scope('a'))).resolves.toBeDefined()
  })
})

describe('the revocation source', () => {
  const { issue, create } = stage()
  const source = (check: RevocationSource['check']) => ({ revocations: { check } })

  it('is asked at each verification, with every claim that a revocation can name', async () => {
    const asked: RevocationQuery[] = []
    const verifier = create(
      source(query => {
        asked.push(query)
        return 'live'
      }),
    )
    const token = await issue({ sid: 'family', jti: 'one' })
    for (let round = 0; round < 3; round += 1)
      expect((await verifier.verify(token)).revocation).toBe('checked')
    expect(asked).toHaveLength(3)
    expect(asked[0]).toMatchObject({ jti: 'one', sid: 'family', sub: 'ada', client_id: 'web' })
  })

  it('makes the verifier refuse a revoked token that was verified before, and no other token', async () => {
    const revoked = new Set<string>()
    const verifier = create(source(({ jti }) => (revoked.has(jti) ? 'revoked' : 'live')))
    const [one, two] = [await issue({ jti: 'one' }), await issue({ jti: 'two' })]
    await Promise.all([verifier.verify(one), verifier.verify(two)])
    revoked.add('one')
    expect(await refusalOf(verifier.verify(one))).toBe('token_revoked')
    await expect(verifier.verify(two)).resolves.toBeDefined()
  })

  it('is asked about both clients of an exchanged token: the one that acts, and the one of the sign-in', async () => {
    const standing = new Map<string, Standing>()
    const verifier = create(source(({ client_id }) => standing.get(client_id) ?? 'live'))
    const exchanged = await issue({ act: { sub: 'web' }, sign_in_client_id: 'app' })
    const own = await issue()
    expect((await verifier.verify(exchanged)).revocation).toBe('checked')
    standing.set('app', 'revoked')
    expect(await refusalOf(verifier.verify(exchanged))).toBe('token_revoked')
    expect((await verifier.verify(own)).revocation).toBe('checked')
    standing.set('app', 'stale')
    expect(await refusalOf(verifier.verify(exchanged))).toBe('revocations_stale')
    for (const wrong of [
      { sign_in_client_id: 1 },
      { act: 'web' },
      { act: { sub: 1 } },
      { act: { sub: 'a', act: 1 } },
    ])
      expect(await refusalOf(verifier.verify(await issue(wrong)))).toBe('claims_invalid')
  })

  const ignorant: [string, RevocationSource['check']][] = [
    ['is stale', () => 'stale'],
    ['is stale asynchronously', async (): Promise<Standing> => 'stale'],
    [
      'throws',
      () => {
        throw new Error('down')
      },
    ],
    ['rejects', () => Promise.reject(new Error('down'))],
    ['returns an unknown word', () => 'dunno' as Standing],
    ['returns nothing', async () => undefined as unknown as Standing],
  ]
  it.each(ignorant)('that %s is handled as onStale says, and refused by default', async (_, check) => {
    const token = await issue()
    expect(await refusalOf(create(source(check)).verify(token))).toBe('revocations_stale')
    expect(await refusalOf(create({ ...source(check), onStale: 'refuse' }).verify(token))).toBe(
      'revocations_stale',
    )
    expect((await create({ ...source(check), onStale: 'accept' }).verify(token)).revocation).toBe('stale')
  })

  it('may answer asynchronously, and its refusal holds for any onStale', async () => {
    const token = await issue()
    expect((await create(source(async (): Promise<Standing> => 'live')).verify(token)).revocation).toBe(
      'checked',
    )
    expect(
      await refusalOf(
        create({ ...source(async (): Promise<Standing> => 'revoked'), onStale: 'accept' }).verify(token),
      ),
    ).toBe('token_revoked')
  })

  it('is not asked about an invalid token', async () => {
    let asked = 0
    const verifier = create(
      source(() => {
        asked += 1
        return 'live'
      }),
    )
    const token = await issue()
    await refusalOf(verifier.verify(`${token.slice(0, -5)}AAAAA`))
    await refusalOf(verifier.verify(await issue({ aud: 'https://other.example' })))
    expect(asked).toBe(0)
  })

  it('is reported as off when there is none', async () => {
    expect((await create().verify(await issue())).revocation).toBe('off')
  })
})
