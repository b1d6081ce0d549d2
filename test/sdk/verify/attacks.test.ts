import { createHmac } from 'node:crypto'
import { assert, asyncProperty, constantFrom, nat, pre } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKey, JWKS, segmentOf, signSegments, signToken } from '../../support/issuer.ts'
import { ENGINES, refusalOf, stage } from './support.ts'

const raw = (bytes: string) => Buffer.from(bytes, 'latin1').toString('base64url')
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

describe.each(ENGINES)('attacks on a verifier with $name', ({ createVerifier }) => {
  const { issue, issuer, key, claims, verify, verifier, create, scene } = stage(createVerifier)

  const signRaw = (header: string, payload: string) => signSegments(key(), header, payload)

  it('accepts the genuine token that the attacks modify', async () => {
    const token = await issue({ scope: 'a b', sid: 'family' })
    await expect(verify(token)).resolves.toMatchObject({
      claims: { sub: 'ada', sid: 'family' },
      revocation: 'off',
    })
    await expect(
      verify(signRaw(segmentOf({ alg: 'RS256', typ: 'at+jwt', kid: key().kid }), segmentOf(claims()))),
    ).resolves.toBeDefined()
  })

  describe('RFC 8725 §3.1 – algorithms', () => {
    it.each([
      'none',
      'None',
      'NONE',
      '',
      'HS256',
      'RS384',
      'PS256',
      'ES256',
      'EdDSA',
      'rs256',
      'RS256 ',
      ['RS256'],
      null,
      256,
    ])('refuses alg %j with a valid RS256 signature', async alg => {
      const token = signRaw(segmentOf({ alg, typ: 'at+jwt', kid: key().kid }), segmentOf(claims()))
      expect(await refusalOf(verify(token))).toBe('token_type')
    })

    it('refuses alg none without a signature', async () => {
      const unsigned = `${segmentOf({ alg: 'none', typ: 'at+jwt', kid: key().kid })}.${segmentOf(claims())}.`
      expect(await refusalOf(verify(unsigned))).toBe('token_malformed')
      expect(await refusalOf(verify(unsigned.slice(0, -1)))).toBe('token_malformed')
    })

    it.each(['pem', 'jwk', 'n'])('refuses HS256 with the public key (%s) as the secret', async form => {
      const { publicKey, jwk } = key()
      const secrets: Record<string, string> = {
        pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        jwk: JSON.stringify(jwk),
        n: String(jwk['n']),
      }
      for (const alg of ['HS256', 'RS256']) {
        const input = `${segmentOf({ alg, typ: 'at+jwt', kid: key().kid })}.${segmentOf(claims())}`
        const mac = createHmac('sha256', secrets[form] ?? '')
          .update(input)
          .digest('base64url')
        expect(await refusalOf(verify(`${input}.${mac}`))).toBe(
          alg === 'HS256' ? 'token_type' : 'signature_invalid',
        )
      }
    })
  })

  describe('RFC 7515 §4 – headers', () => {
    const stranger = createKey()

    it.each([
      ['jwk', () => ({ jwk: stranger.jwk })],
      ['jku', () => ({ jku: `${issuer().issuer}/stranger.json` })],
      ['x5u', () => ({ x5u: `${issuer().issuer}/stranger.pem` })],
      ['x5c', () => ({ x5c: ['MIIB'] })],
      ['x5t', () => ({ x5t: 'AAAA' })],
      ['crit', () => ({ crit: ['exp'], exp: 1 })],
      ['empty crit', () => ({ crit: [] })],
      ['b64', () => ({ b64: false, crit: ['b64'] })],
      ['zip', () => ({ zip: 'DEF' })],
    ])('refuses %s without a request to the issuer (§4.1)', async (_, members) => {
      await verifier().ready()
      const before = issuer().count(JWKS)
      const header = segmentOf({ alg: 'RS256', typ: 'at+jwt', kid: key().kid, ...members() })
      expect(await refusalOf(verify(signRaw(header, segmentOf(claims()))))).toBe('token_type')
      expect(await refusalOf(verify(await signToken(stranger, claims(), { kid: key().kid })))).toBe(
        'signature_invalid',
      )
      expect(issuer().count(JWKS)).toBe(before)
      expect(issuer().count('/stranger.json') + issuer().count('/stranger.pem')).toBe(0)
    })

    it.each([undefined, '', 7, null, ['a'], {}, 'k'.repeat(257)])('refuses kid %j', async kid => {
      const header = segmentOf({ alg: 'RS256', typ: 'at+jwt', kid })
      expect(await refusalOf(verify(signRaw(header, segmentOf(claims()))))).toBe('token_type')
    })

    it.each(['__proto__', 'constructor', 'toString', '../../etc/passwd', "' or 1=1", '\u0000'])(
      'knows no key %j',
      async kid => {
        const header = segmentOf({ alg: 'RS256', typ: 'at+jwt', kid })
        expect(await refusalOf(verify(signRaw(header, segmentOf(claims()))))).toBe('key_unknown')
      },
    )

    it.each([
      'JWT',
      'jwt',
      undefined,
      '',
      'at+jwtx',
      'application/jwt',
      'logout+jwt',
      'dpop+jwt',
      'revocations+jwt',
      'statuslist+jwt',
      ['at+jwt'],
      null,
    ])('RFC 8725 §3.11 – refuses typ %j: an ID token is no access token', async typ => {
      const header = segmentOf({ alg: 'RS256', typ, kid: key().kid })
      expect(await refusalOf(verify(signRaw(header, segmentOf(claims()))))).toBe('token_type')
    })

    it.each(['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+jwt'])(
      'accepts typ %j (§4.1.9)',
      async typ => {
        await expect(verify(await issue({}, { typ }))).resolves.toBeDefined()
      },
    )

    it('RFC 8725 §3.12 – refuses an ID token that was given the type of an access token', async () => {
      const { client_id: _, jti: __, ...id } = claims({ nonce: 'n', aud: 'web' })
      expect(await refusalOf(verify(await signToken(key(), id)))).toBe('claims_invalid')
    })
  })

  describe('RFC 7515 §3.1 – segments', () => {
    it('refuses a token of other than three segments of base64url', async () => {
      const token = await issue()
      const [header, payload, signature] = token.split('.')
      const odd = [
        '',
        '.',
        '..',
        '...',
        header ?? '',
        `${header}.${payload}`,
        `${token}.`,
        `${token}.${signature}`,
        `.${token}`,
        `${header}..${signature}`,
        `${token}=`,
        `${token} `,
        ` ${token}`,
        `${token}\n`,
        `${token}\u0000`,
        `${token}é`,
        `${header}.${payload}.${signature?.slice(0, -1)}+`,
        `${header}.${payload}.${signature?.slice(0, -1)}/`,
        `${header}.${payload}.${signature?.slice(0, 100)}\r\n${signature?.slice(100)}`,
        `${header}=.${payload}.${signature}`,
        `${header}.${payload}=.${signature}`,
        `${header},${payload},${signature}`,
        JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
      ]
      for (const one of odd) expect([one, await refusalOf(verify(one))]).toEqual([one, 'token_malformed'])
    })

    it('refuses every other spelling of the same signature', async () => {
      const token = await issue()
      const last = ALPHABET.indexOf(token.slice(-1))
      for (let bits = 1; bits < 16; bits += 1)
        expect(await refusalOf(verify(token.slice(0, -1) + ALPHABET[last + bits]))).toBe('token_malformed')
    })

    it('refuses a signed header or payload other than a JSON object in UTF-8 (§5.2)', async () => {
      const header = segmentOf({ alg: 'RS256', typ: 'at+jwt', kid: key().kid })
      for (const payload of [
        segmentOf([]),
        segmentOf('x'),
        segmentOf(null),
        raw('{'),
        raw('{}{}'),
        raw(' '),
        segmentOf(7),
      ])
        expect(await refusalOf(verify(signRaw(header, payload)))).toBe('claims_invalid')
      expect(await refusalOf(verify(signRaw(header, raw('{"sub":"\xff"}'))))).toBe('token_malformed')
      for (const odd of [raw('{'), segmentOf([]), segmentOf(null), raw('\xff')])
        expect(await refusalOf(verify(signRaw(odd, segmentOf(claims()))))).toBe('token_type')
    })

    it('refuses a token over 8,192 characters, which the issuer never signs', async () => {
      const long = await issue({ note: 'x'.repeat(5_000) })
      expect(long.length).toBeLessThanOrEqual(8192)
      await expect(verify(long)).resolves.toBeDefined()
      expect(await refusalOf(verify(await issue({ note: 'x'.repeat(6_000) })))).toBe('token_malformed')
      expect(await refusalOf(verify('a'.repeat(50_000_000)))).toBe('token_malformed')
    })

    it('refuses a token that is not a string', async () => {
      for (const odd of [undefined, null, 7, {}, ['a.b.c'], Buffer.from('a.b.c')])
        expect(await refusalOf(Reflect.apply(verify, undefined, [odd]))).toBe('token_malformed')
    })

    it('refuses a token with any one character changed', async () => {
      const token = await issue()
      await assert(
        asyncProperty(
          nat(token.length - 1),
          constantFrom(...ALPHABET.split(''), '.', '='),
          async (at, character) => {
            pre(token[at] !== character)
            await refusalOf(verify(token.slice(0, at) + character + token.slice(at + 1)))
          },
        ),
        { numRuns: 300 },
      )
      await expect(verify(token)).resolves.toBeDefined()
    })

    it('refuses signatures of another length, of zeros, and of another token', async () => {
      const token = await issue()
      const input = token.slice(0, token.lastIndexOf('.'))
      const other = await issue()
      const signatures = [0, 1, 128, 255, 257, 512].map(
        size => Buffer.alloc(size, 1).toString('base64url') || 'AA',
      )
      for (const signature of [
        ...signatures,
        Buffer.alloc(256).toString('base64url'),
        other.slice(other.lastIndexOf('.') + 1),
      ])
        expect(await refusalOf(verify(`${input}.${signature}`))).toBe('signature_invalid')
    })
  })

  describe('RFC 9068 §4 – claims', () => {
    it.each(['iss', 'sub', 'aud', 'client_id', 'exp', 'iat', 'jti'])('requires %s (§2.2)', async name => {
      expect(await refusalOf(verify(await issue({ [name]: undefined })))).toBe('claims_invalid')
      const header = segmentOf({ alg: 'RS256', typ: 'at+jwt', kid: key().kid })
      for (const odd of [null, '', [], {}, true, [['x']], [1], '1'])
        if (!(odd === '1' && !['exp', 'iat'].includes(name)))
          expect(await refusalOf(verify(signRaw(header, segmentOf(claims({ [name]: odd })))))).toBe(
            'claims_invalid',
          )
    })

    it.each([
      ['scope', ['a']],
      ['sid', 7],
      ['roles', 'admin'],
      ['roles', [1]],
      ['auth_time', '7'],
      ['nbf', 'x'],
      ['acr', 1],
      ['amr', 'pwd'],
    ])('refuses an optional %s of the wrong type', async (name, odd) => {
      expect(await refusalOf(verify(await issue({ [name]: odd })))).toBe('claims_invalid')
    })

    it.each(['1e400', '-1', '1e999', '"Infinity"', '8640000000001'])(
      'refuses exp %s (RFC 7519 §4.1.4)',
      async exp => {
        const payload = JSON.stringify(claims()).replace(/"exp":\d+/, `"exp":${exp}`)
        const header = segmentOf({ alg: 'RS256', typ: 'at+jwt', kid: key().kid })
        expect(await refusalOf(verify(signRaw(header, raw(payload))))).toBe('claims_invalid')
      },
    )

    it('compares the issuer exactly', async () => {
      const { issuer: honest } = issuer()
      for (const iss of [`${honest}/`, honest.toUpperCase(), `${honest}.evil`, 'https://evil.example'])
        expect(await refusalOf(verify(await issue({ iss })))).toBe('issuer_mismatch')
    })

    it('finds its audience only in a string or a list (RFC 7519 §4.1.3)', async () => {
      const ours = 'https://api.example'
      for (const aud of [ours, [ours], ['https://other.example', ours]])
        await expect(verify(await issue({ aud }))).resolves.toBeDefined()
      for (const aud of [
        `${ours}/`,
        `${ours}.evil`,
        'https://api',
        `${ours} x`,
        ['x'],
        `${ours},x`,
        [`${ours}x`, 'y'],
        issuer().issuer,
      ])
        expect(await refusalOf(verify(await issue({ aud })))).toBe('audience_mismatch')
      for (const aud of [[], {}, { [ours]: true }, { 0: ours, length: 1 }, [[ours]], [ours, 1], [ours, null]])
        expect(await refusalOf(verify(await issue({ aud })))).toBe('claims_invalid')
    })

    it('refuses a token that is bound to a key (RFC 8705 §3, RFC 9449 §7.2)', async () => {
      for (const cnf of [{ jkt: 'thumb' }, { 'x5t#S256': 'thumb' }, {}, null, 'thumb'])
        expect(await refusalOf(verify(await issue({ cnf })))).toBe('token_bound')
    })

    it('refuses members named __proto__ at any depth, and ignores inherited claims', async () => {
      const header = segmentOf({ alg: 'RS256', typ: 'at+jwt', kid: key().kid })
      const payload = (extra: string) => raw(JSON.stringify(claims()).replace(/}$/, `,${extra}}`))
      for (const extra of ['"__proto__":{"roles":["admin"]}', '"a":{"b":[{"__proto__":{}}]}'])
        expect(await refusalOf(verify(signRaw(header, payload(extra))))).toBe('claims_invalid')
      const { claims: harmless } = await verify(
        signRaw(header, payload('"constructor":{"prototype":{"x":1}}')),
      )
      expect(Object.getPrototypeOf(harmless)).toBe(Object.prototype)
      expect(({} as Record<string, unknown>)['x']).toBeUndefined()
    })

    it('refuses claims nested too deeply', async () => {
      const header = segmentOf({ alg: 'RS256', typ: 'at+jwt', kid: key().kid })
      const payload = raw(
        JSON.stringify(claims()).replace(/}$/, `,"deep":${'['.repeat(2500)}${']'.repeat(2500)}}`),
      )
      expect(await refusalOf(verify(signRaw(header, payload)))).toBe('claims_invalid')
    })
  })

  describe('clockToleranceSeconds', () => {
    it.each([0, 5, 60])('of %i holds on both sides of exp, nbf and iat', async tolerance => {
      const now = scene.now
      const strict = create({ clockToleranceSeconds: tolerance })
      const exp = await issue({ exp: now - tolerance + 1, iat: now - 100 })
      await expect(strict.verify(exp)).resolves.toBeDefined()
      expect(await refusalOf(strict.verify(await issue({ exp: now - tolerance, iat: now - 100 })))).toBe(
        'token_expired',
      )
      for (const name of ['iat', 'nbf']) {
        await expect(strict.verify(await issue({ [name]: now + tolerance }))).resolves.toBeDefined()
        expect(await refusalOf(strict.verify(await issue({ [name]: now + tolerance + 1 })))).toBe(
          'token_not_yet_valid',
        )
      }
      scene.now = now + 0.999
      await expect(strict.verify(exp)).resolves.toBeDefined()
      scene.now = now + 1
      expect(await refusalOf(strict.verify(exp))).toBe('token_expired')
    })
  })

  describe('the cache of verified tokens', () => {
    it('checks the expiry at each verification', async () => {
      const token = await issue()
      const { claims: first } = await verify(token)
      expect((await verify(token)).claims).toBe(first)
      scene.now += 904
      await expect(verify(token)).resolves.toBeDefined()
      scene.now += 1
      expect(await refusalOf(verify(token))).toBe('token_expired')
    })

    it('cannot be poisoned by a token with the same ending as a valid one', async () => {
      const token = await issue()
      await verify(token)
      const [header, , signature] = token.split('.')
      expect(await refusalOf(verify(`${header}.${segmentOf(claims({ sub: 'eve' }))}.${signature}`))).toBe(
        'signature_invalid',
      )
      expect((await verify(token)).claims.sub).toBe('ada')
    })

    it('returns claims that the caller cannot change', async () => {
      const token = await issue({ roles: ['reader'], nested: { list: [1] } })
      const { claims: first } = await verify(token)
      expect(() => Object.assign(first, { sub: 'eve' })).toThrow(TypeError)
      expect(() => Reflect.apply(Array.prototype.push, first.roles, ['admin'])).toThrow(TypeError)
      expect((await verify(token)).claims).toMatchObject({
        sub: 'ada',
        roles: ['reader'],
        nested: { list: [1] },
      })
    })

    it.each([0, 1, 2, 10])('of size %i stays correct while tokens displace each other', async cacheSize => {
      const small = create({ cacheSize })
      const tokens = await Promise.all(
        Array.from({ length: 12 }, (_, index) => issue({ sub: `person-${index}` })),
      )
      for (let round = 0; round < 3; round += 1)
        for (const [index, token] of tokens.entries())
          expect((await small.verify(token)).claims.sub).toBe(`person-${index}`)
    })

    it('does not cache a refused token', async () => {
      const early = await issue({ nbf: scene.now + 100, exp: scene.now + 900 })
      expect(await refusalOf(verify(early))).toBe('token_not_yet_valid')
      scene.now += 100
      await expect(verify(early)).resolves.toBeDefined()
    })
  })
})
