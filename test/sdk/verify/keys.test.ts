import type { ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { AUDIENCE, createKey, JWKS, METADATA, signToken, type TestKey } from '../../support/issuer.ts'
import { ENGINES, refusalOf, stage } from './support.ts'

const json = (response: ServerResponse, body: unknown, headers: Record<string, string> = {}) => {
  response.writeHead(200, { 'Content-Type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

function* endless() {
  for (;;) yield 'x'.repeat(10_000)
}

describe.each(ENGINES)('the issuer’s keys, with $name', ({ createVerifier }) => {
  const { issue, issuer, key, claims, create: createPlain, scene } = stage(createVerifier)
  const asked: string[] = []
  const create: typeof createPlain = options =>
    createPlain({
      fetch: (url, init) => {
        asked.push(url)
        return fetch(url, init)
      },
      ...options,
    })
  const fetches = () => asked.filter(url => url.endsWith(JWKS)).length
  const counted = async (work: () => Promise<unknown>) => {
    const before = fetches()
    await work()
    return fetches() - before
  }
  const publish = (...jwks: readonly unknown[]) =>
    issuer().faults.set(JWKS, (_, response) => json(response, { keys: jwks }))
  const away = () => {
    for (const path of [METADATA, JWKS]) issuer().faults.set(path, request => request.socket.destroy())
  }
  /** A refresh behind a request has at least begun. */
  const settle = () => new Promise(resolve => setImmediate(resolve))
  afterEach(() => {
    issuer().keys.splice(1)
  })

  describe('RFC 8414 §3 – discovery', () => {
    it('fetches the metadata once and the keys once for fifty concurrent tokens', async () => {
      const verifier = create()
      const tokens = await Promise.all(Array.from({ length: 50 }, () => issue()))
      const metadata = issuer().count(METADATA)
      expect(await counted(() => Promise.all(tokens.map(token => verifier.verify(token))))).toBe(1)
      expect(issuer().count(METADATA) - metadata).toBe(1)
    })

    it.each([
      ['names another issuer', () => ({ issuer: 'https://evil.example', jwks_uri: issuer().issuer + JWKS })],
      [
        'names its issuer with a slash',
        () => ({ issuer: `${issuer().issuer}/`, jwks_uri: issuer().issuer + JWKS }),
      ],
      ['names no issuer', () => ({ jwks_uri: issuer().issuer + JWKS })],
      ['names no keys', () => ({ issuer: issuer().issuer })],
      ['names keys on plain http', () => ({ issuer: issuer().issuer, jwks_uri: 'http://keys.example/jwks' })],
      ['names keys in a file', () => ({ issuer: issuer().issuer, jwks_uri: 'file:///etc/passwd' })],
      [
        'names keys with a password',
        () => ({ issuer: issuer().issuer, jwks_uri: 'https://a:b@keys.example/' }),
      ],
      ['is a list', () => []],
    ])('refuses metadata that %s (§3.3)', async (_, metadata) => {
      issuer().faults.set(METADATA, (_request, response) => json(response, metadata()))
      expect(await refusalOf(create().verify(await issue()))).toBe('keys_unavailable')
    })

    it('fetches a configured jwks_uri without the metadata', async () => {
      const metadata = issuer().count(METADATA)
      const verifier = create({ jwks_uri: issuer().issuer + JWKS })
      await expect(verifier.verify(await issue())).resolves.toBeDefined()
      expect(issuer().count(METADATA)).toBe(metadata)
    })
  })

  describe('RFC 7517 §5 – the keys of a set', () => {
    const twin = createKey('twin')
    const short = createKey('short', 1024)
    const { d, p, q } = twin.privateKey.export({ format: 'jwk' })

    it.each<[string, TestKey, Record<string, unknown>]>([
      ['with its private half', twin, { d, p, q }],
      ['with one private member', twin, { d: '' }],
      ['for encryption', twin, { use: 'enc' }],
      ['for another algorithm', twin, { alg: 'PS256' }],
      ['for HS256', twin, { alg: 'HS256' }],
      ['for signing only', twin, { key_ops: ['sign'] }],
      ['of another kind', twin, { kty: 'oct', k: 'c2VjcmV0' }],
      ['without a kid', twin, { kid: undefined }],
      ['with exponent 1', twin, { e: 'AQ' }],
      ['with exponent 3', twin, { e: 'Aw' }],
      ['without a modulus', twin, { n: undefined }],
      ['of 1024 bits', short, {}],
      [
        'of 1024 bits with leading zeros',
        short,
        {
          n: Buffer.concat([Buffer.alloc(128), Buffer.from(String(short.jwk['n']), 'base64url')]).toString(
            'base64url',
          ),
        },
      ],
      ['of 10000 bits', twin, { n: `w${'A'.repeat(1667)}` }],
    ])('ignores a key %s beside a usable one', async (_, odd, members) => {
      publish({ ...odd.jwk, ...members }, key().jwk)
      const verifier = create()
      await expect(verifier.verify(await issue())).resolves.toBeDefined()
      expect(await refusalOf(verifier.verify(await issue({}, {}, odd)))).toBe('key_unknown')
    })

    it('accepts keys of 2048 and 3072 bits, with or without use, alg and key_ops (RFC 7518 §3.3)', async () => {
      const { use: _, alg: __, ...bare } = twin.jwk
      const large = createKey('large', 3072)
      publish({ ...bare, key_ops: ['verify'] }, large.jwk)
      const verifier = create()
      await expect(verifier.verify(await issue({}, {}, twin))).resolves.toBeDefined()
      await expect(verifier.verify(await issue({}, {}, large))).resolves.toBeDefined()
    })

    it('refuses a set in which two keys share a kid', async () => {
      publish(key().jwk, { ...twin.jwk, kid: key().kid })
      expect(await refusalOf(create().verify(await issue()))).toBe('keys_unavailable')
    })
  })

  describe('a key set that is broken, too large or redirected', () => {
    const faults: [string, (response: ServerResponse) => void][] = [
      ['is no JSON', response => response.end('<html>')],
      ['is cut off', response => response.end('{"keys":[')],
      ['is empty', response => response.end()],
      ['holds no key', response => json(response, { keys: [] })],
      ['is no set', response => json(response, [1])],
      ['holds null', response => json(response, { keys: null })],
      ['holds odd keys', response => json(response, { keys: [null, 7, 'x', []] })],
      ['is not UTF-8', response => response.end(Buffer.from([0x22, 0xff, 0x22]))],
      ['is huge', response => json(response, { keys: [], padding: 'x'.repeat(70_000) })],
      ['never ends', response => pipeline(Readable.from(endless()), response, () => {})],
      [
        'holds a thousand keys',
        response => json(response, { keys: Array.from({ length: 1000 }, () => ({})) }),
      ],
      ['is gone', response => response.writeHead(404).end('{}')],
      ['is an error', response => response.writeHead(500).end('{"keys":[]}')],
      ['is a redirect', response => response.writeHead(302, { Location: '/elsewhere' }).end()],
      ['is moved for good', response => response.writeHead(308, { Location: '/elsewhere' }).end()],
      ['breaks off', response => response.destroy()],
    ]

    it.each(faults)('that %s is refused, and the last good set stays in use', async (_, fault) => {
      const stranger = createKey()
      issuer().faults.set('/elsewhere', (_request, response) => json(response, { keys: [stranger.jwk] }))
      const told: Error[] = []
      const verifier = create({ onFault: error => told.push(error) })
      const token = await issue({ exp: scene.now + 90_000 })
      await verifier.verify(token)
      issuer().faults.set(JWKS, (_request, response) => fault(response))
      scene.now += 301
      await expect(verifier.verify(await issue())).resolves.toBeDefined()
      await expect(verifier.verify(token)).resolves.toBeDefined()
      expect(told).toHaveLength(1)
      expect(issuer().count('/elsewhere')).toBe(0)
      expect(await refusalOf(create().verify(await issue()))).toBe('keys_unavailable')
    })

    it('that does not come within five seconds is refused', { timeout: 15_000 }, async () => {
      const drip: ServerResponse[] = []
      issuer().faults.set(JWKS, (_, response) => {
        response.write('{')
        drip.push(response)
      })
      const started = performance.now()
      expect(await refusalOf(create().verify(await issue()))).toBe('keys_unavailable')
      expect(performance.now() - started).toBeLessThan(10_000)
      for (const response of drip) response.destroy()
    })
  })

  describe('the lifetime of the keys', () => {
    it('is set by the issuer, and a refresh in the background comes before its end', async () => {
      const verifier = create()
      const check = async () => {
        await verifier.verify(await issue())
        await settle()
      }
      await check()
      scene.now += 239
      expect(await counted(check)).toBe(0)
      const next = createKey()
      issuer().keys.push(next)
      scene.now += 1
      expect(
        await counted(async () => {
          await check()
          // Within the cool-down only the refresh can have brought the new key.
          await vi.waitFor(async () => verifier.verify(await issue({}, {}, next)), { timeout: 10_000 })
        }),
      ).toBe(1)
      scene.now += 239
      expect(await counted(check)).toBe(0)
      scene.now += 1
      expect(await counted(check)).toBe(1)
    })

    it.each([
      ['max-age=0', 60],
      ['max-age=600', 600],
      ['max-age=999999', 3600],
      ['no-store', 300],
      ['s-maxage=9, max-age=120', 120],
    ])('stays within its bounds for Cache-Control %s (RFC 9111 §5.2.2.1)', async (header, seconds) => {
      issuer().faults.set(JWKS, (_, response) =>
        json(response, { keys: [key().jwk] }, { 'Cache-Control': header }),
      )
      const verifier = create()
      await verifier.verify(await issue())
      const check = async () => verifier.verify(await issue())
      scene.now += seconds * 0.8 - 1
      expect(
        await counted(async () => {
          await check()
          await settle()
        }),
      ).toBe(0)
      scene.now += 1
      expect(
        await counted(async () => {
          await check()
          await settle()
        }),
      ).toBe(1)
    })

    it('is enforced after a service was idle, so that a key withdrawn meanwhile verifies no token', async () => {
      const verifier = create()
      const token = await issue({ exp: scene.now + 10_000 })
      await verifier.verify(token)
      publish(createKey().jwk)
      scene.now += 300
      expect(await refusalOf(verifier.verify(token))).toBe('key_unknown')
    })

    it('also limits cached tokens, which a withdrawn key no longer verifies', async () => {
      const verifier = create()
      const token = await issue({ exp: scene.now + 10_000 })
      await verifier.verify(token)
      publish({ ...createKey().jwk, kid: key().kid })
      scene.now += 240
      await verifier.verify(token)
      await vi.waitFor(
        async () => expect(await refusalOf(verifier.verify(token))).toBe('signature_invalid'),
        { timeout: 10_000 },
      )
    })
  })

  describe('while the issuer is unreachable', () => {
    it('uses the keys that it has up to keysMaxStaleSeconds, and recovers', async () => {
      const verifier = create({ keysMaxStaleSeconds: 600 })
      const check = async () => verifier.verify(await issue())
      await check()
      away()
      scene.now += 899
      await expect(check()).resolves.toBeDefined()
      scene.now += 1
      expect(await refusalOf(check())).toBe('keys_unavailable')
      issuer().faults.clear()
      scene.now += 20
      await expect(check()).resolves.toBeDefined()
    })

    it('fetches again after 1, 2, 4, 8, 16 and then every 20 seconds, and refuses at once in between', async () => {
      const verifier = create()
      const check = async () => verifier.verify(await issue())
      const asked = async () => {
        const before = issuer().count(METADATA)
        expect(await refusalOf(check())).toBe('keys_unavailable')
        return issuer().count(METADATA) - before
      }
      away()
      expect(await asked()).toBe(1)
      expect(await asked()).toBe(0)
      for (const pause of [1, 2, 4, 8, 16, 20, 20]) {
        scene.now += pause - 0.001
        expect(await asked()).toBe(0)
        scene.now += 0.001
        expect(await asked()).toBe(1)
      }
      issuer().faults.clear()
      scene.now += 20
      await expect(check()).resolves.toBeDefined()
    })

    it('refuses with keys_unavailable, not key_unknown, when it cannot fetch an unknown key', async () => {
      const verifier = create()
      await verifier.verify(await issue())
      away()
      scene.now += 300
      await verifier.verify(await issue())
      expect(await refusalOf(verifier.verify(await issue({}, {}, createKey())))).toBe('keys_unavailable')
    })

    it('ignores an error of onFault, also of one that is async', async () => {
      const throwing = () => {
        throw new Error('the log is full')
      }
      const rejecting = () => Promise.reject(new Error('the log is full'))
      for (const onFault of [throwing, rejecting]) {
        const verifier = create(Object.assign({}, { onFault }))
        away()
        expect(await refusalOf(verifier.ready())).toBe('keys_unavailable')
        expect(await refusalOf(verifier.verify(await issue()))).toBe('keys_unavailable')
      }
    })
  })

  describe('a change of the clock', () => {
    const real = () => {
      let elapsed = 0
      let wall = 1_900_000_000_000
      vi.spyOn(performance, 'now').mockImplementation(() => elapsed)
      vi.spyOn(Date, 'now').mockImplementation(() => wall)
      return {
        pass: (seconds: number) => {
          elapsed += seconds * 1000
          wall += seconds * 1000
        },
        set: (seconds: number) => {
          wall += seconds * 1000
          scene.now = wall / 1000
        },
      }
    }
    afterEach(() => {
      vi.restoreAllMocks()
    })

    it('back by an hour does not prolong the use of a withdrawn key', async () => {
      const clock = real()
      const verifier = createVerifier({ issuer: issuer().issuer, audience: AUDIENCE })
      await verifier.verify(await issue())
      publish(createKey().jwk)
      clock.set(-3600)
      const old = await issue()
      await expect(verifier.verify(old)).resolves.toBeDefined()
      clock.pass(301)
      expect(await refusalOf(verifier.verify(old))).toBe('key_unknown')
    })

    it('forward by an hour discards no good key while the issuer is unreachable', async () => {
      const clock = real()
      const verifier = createVerifier({
        issuer: issuer().issuer,
        audience: AUDIENCE,
        keysMaxStaleSeconds: 60,
      })
      await verifier.verify(await issue())
      away()
      clock.set(3600)
      await expect(verifier.verify(await issue())).resolves.toBeDefined()
    })

    it('back by an hour does not delay a new key', async () => {
      const clock = real()
      const verifier = createVerifier({ issuer: issuer().issuer, audience: AUDIENCE })
      await verifier.verify(await issue())
      const next = createKey()
      issuer().keys.push(next)
      clock.set(-3600)
      clock.pass(20)
      await expect(verifier.verify(await issue({}, {}, next))).resolves.toBeDefined()
    })

    it('back by an hour in the service’s own clock does not prolong the use of a withdrawn key', async () => {
      const verifier = create()
      await verifier.verify(await issue())
      publish(createKey().jwk)
      scene.now -= 3600
      const old = await issue()
      await expect(verifier.verify(old)).resolves.toBeDefined()
      scene.now += 301
      expect(await refusalOf(verifier.verify(old))).toBe('key_unknown')
    })
  })

  describe('an unknown kid', () => {
    it('costs one fetch in 20 seconds for any number of tokens', async () => {
      const verifier = create()
      await verifier.verify(await issue())
      scene.now += 20
      const made = await Promise.all(
        Array.from({ length: 30 }, () => signToken(key(), claims(), { kid: crypto.randomUUID() })),
      )
      expect(
        await counted(async () => {
          for (let round = 0; round < 20; round += 1)
            await Promise.all(
              made.map(async token => expect(await refusalOf(verifier.verify(token))).toBe('key_unknown')),
            )
        }),
      ).toBe(1)
    })

    it('is found at once 20 seconds after the last fetch, and within 20 seconds otherwise', async () => {
      const verifier = create()
      await verifier.verify(await issue())
      scene.now += 20
      const next = createKey()
      issuer().keys.push(next)
      await expect(verifier.verify(await issue({}, {}, next))).resolves.toBeDefined()
      const third = createKey()
      issuer().keys.push(third)
      scene.now += 19.999
      expect(await refusalOf(verifier.verify(await issue({}, {}, third)))).toBe('key_unknown')
      scene.now += 0.001
      await expect(verifier.verify(await issue({}, {}, third))).resolves.toBeDefined()
    })
  })
})
