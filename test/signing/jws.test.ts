import { createHmac, createPublicKey, sign as signBytes } from 'node:crypto'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { describe, expect, it } from 'vitest'
import { createPair, makeDirectory, open, putKey } from './support.ts'

const claims = { iss: 'https://id.example', sub: 'person-1', note: 'grüße' }
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A ring around a key that the test holds too, so that it can sign anything with it. */
const openForged = async () => {
  const directory = makeDirectory()
  const { privateKey, publicKey } = createPair()
  putKey(directory, 'own.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const keys = await open(directory)
  const [jwk] = keys.published()
  if (jwk === undefined) throw new Error('no key')
  const forge = (header: unknown, payload = encode(claims), key = privateKey) => {
    const input = `${typeof header === 'string' ? header : encode(header)}.${payload}`
    return `${input}.${signBytes('RSA-SHA256', Buffer.from(input), key).toString('base64url')}`
  }
  return { keys, jwk, forge, publicKey, header: { alg: 'RS256', typ: 'at+jwt', kid: jwk.kid } }
}

describe('RFC 7515 §5.1 – signing', () => {
  it('is verified by jose from the JWKS', async () => {
    const keys = await open(makeDirectory())
    const jws = await keys.sign('at+jwt', claims)
    const jwks = createLocalJWKSet({ keys: keys.published().map(jwk => ({ ...jwk })) })
    const { payload } = await jwtVerify(jws, jwks, { algorithms: ['RS256'], typ: 'at+jwt' })
    expect(payload).toEqual(claims)
    expect(decodeProtectedHeader(jws)).toEqual({
      alg: 'RS256',
      typ: 'at+jwt',
      kid: keys.published()[0]?.kid,
    })
  })

  it('is verified by jsonwebtoken from the JWKS', async () => {
    const keys = await open(makeDirectory())
    const jws = await keys.sign('JWT', claims)
    const [jwk] = keys.published()
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    expect(jsonwebtoken.verify(jws, key, { algorithms: ['RS256'] })).toEqual(claims)
  })

  it('returns each of several concurrent calls its own token', async () => {
    const keys = await open(makeDirectory())
    const signed = await Promise.all([1, 2, 3, 4, 5, 6].map(n => keys.sign('at+jwt', { n })))
    expect(signed.map(jws => keys.verify('at+jwt', jws))).toEqual([1, 2, 3, 4, 5, 6].map(n => ({ n })))
  })
})

describe('RFC 8725 §3 – verification', () => {
  it('accepts our own token only under its type (§3.11)', async () => {
    const keys = await open(makeDirectory())
    const [access, id] = await Promise.all([keys.sign('at+jwt', claims), keys.sign('JWT', claims)])
    expect(keys.verify('at+jwt', access)).toEqual(claims)
    expect(keys.verify('JWT', id)).toEqual(claims)
    expect(keys.verify('JWT', access)).toBeNull()
    expect(keys.verify('at+jwt', id)).toBeNull()
  })

  it('accepts the full name of the type in any case (RFC 9068 §4, RFC 7515 §4.1.9)', async () => {
    const { keys, forge, header } = await openForged()
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+jwt']) {
      expect(keys.verify('at+jwt', forge({ ...header, typ }))).toEqual(claims)
    }
    expect(keys.verify('at+jwt', forge({ kid: header.kid, typ: 'at+jwt', alg: 'RS256' }))).toEqual(claims)
    for (const typ of ['JWT', 'text/at+jwt', 'application/application/at+jwt', '', 5, null, undefined]) {
      expect(keys.verify('at+jwt', forge({ ...header, typ }))).toBeNull()
    }
  })

  it('refuses another algorithm, none, and HMAC with our public key as the secret (§3.1)', async () => {
    const { keys, forge, header, publicKey } = await openForged()
    const none = `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`
    const input = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`
    const pem = publicKey.export({ type: 'spki', format: 'pem' })
    const symmetric = `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`
    expect(keys.verify('at+jwt', none)).toBeNull()
    expect(keys.verify('at+jwt', symmetric)).toBeNull()
    for (const alg of ['none', 'HS256', 'PS256', 'RS512', 'rs256', '', null, undefined]) {
      expect(keys.verify('at+jwt', forge({ ...header, alg }))).toBeNull()
    }
  })

  it('refuses a token that brings its own key in any header member', async () => {
    const { keys, forge, header, jwk } = await openForged()
    const stranger = createPair()
    const own = stranger.publicKey.export({ format: 'jwk' })
    for (const extra of [{ jwk: own }, { jku: 'https://evil.example/jwks' }, { x5c: ['MII'] }]) {
      expect(
        keys.verify('at+jwt', forge({ ...header, ...extra }, encode(claims), stranger.privateKey)),
      ).toBeNull()
      const { kid: _, ...nameless } = { ...header, ...extra }
      expect(keys.verify('at+jwt', forge(nameless, encode(claims), stranger.privateKey))).toBeNull()
    }
    expect(keys.verify('at+jwt', forge({ ...header, jwk }))).toEqual(claims)
  })

  it('refuses a critical extension (RFC 7515 §4.1.11)', async () => {
    const { keys, forge, header } = await openForged()
    for (const crit of [['b64'], ['exp'], [], null, 'b64']) {
      expect(keys.verify('at+jwt', forge({ ...header, crit, b64: false }))).toBeNull()
    }
  })

  it('refuses an unknown kid and a missing kid (RFC 7515 §4.1.4)', async () => {
    const { keys, forge, header } = await openForged()
    for (const kid of ['x', '', '../own.pem', 1, null, undefined, [header.kid]]) {
      expect(keys.verify('at+jwt', forge({ ...header, kid }))).toBeNull()
    }
  })

  it('refuses a token with any character changed', async () => {
    const { keys, forge, header } = await openForged()
    const jws = forge(header)
    const [head = '', payload = '', signature = ''] = jws.split('.')
    expect(keys.verify('at+jwt', `${head}.${encode({ ...claims, sub: 'admin' })}.${signature}`)).toBeNull()
    expect(keys.verify('at+jwt', `${head}.${payload}.`)).toBeNull()
    expect(keys.verify('at+jwt', `${head}.${payload}.${signature.slice(0, -4)}`)).toBeNull()
    for (let index = 0; index < jws.length; index += 7) {
      const changed = jws[index] === 'A' ? 'B' : 'A'
      expect(keys.verify('at+jwt', jws.slice(0, index) + changed + jws.slice(index + 1))).toBeNull()
    }
    expect(keys.verify('at+jwt', jws)).toEqual(claims)
  })

  it('accepts only three segments of canonical base64url, in one spelling (RFC 7515 §2, §7.1)', async () => {
    const { keys, forge, header } = await openForged()
    const jws = forge(header)
    const [head = '', payload = '', signature = ''] = jws.split('.')
    const respelt =
      signature.slice(0, -1) + String.fromCodePoint((signature.codePointAt(signature.length - 1) ?? 0) + 1)
    const spellings = [
      '',
      '.',
      '..',
      '...',
      head,
      `${head}.${payload}`,
      ...['.', '=', '==', '\n', `.${payload}`].map(end => jws + end),
      ...['.', ' '].map(start => start + jws),
      `${head}=.${payload}.${signature}`,
      `${head}.${payload}.${Buffer.from(signature, 'base64url').toString('base64')}`,
      `${head}.${payload}.${respelt}`,
    ]
    for (const spelling of spellings) expect(keys.verify('at+jwt', spelling)).toBeNull()
  })

  it('accepts only JSON objects as header and payload (RFC 7515 §5.2), and at most 8192 characters', async () => {
    const { keys, forge, header } = await openForged()
    for (const payload of ['[]', 'null', '1', '"x"', '{', '']) {
      expect(keys.verify('at+jwt', forge(header, Buffer.from(payload).toString('base64url')))).toBeNull()
    }
    for (const text of ['[]', 'null', '"RS256"', '{', '']) {
      expect(keys.verify('at+jwt', forge(Buffer.from(text).toString('base64url')))).toBeNull()
    }
    const padded = (length: number) => forge(header, encode({ pad: 'x'.repeat(length) }))
    const base = padded(0).length
    const fits = Math.floor(((8192 - base) * 3) / 4) - 3
    expect(padded(fits).length).toBeLessThanOrEqual(8192)
    expect(keys.verify('at+jwt', padded(fits))).not.toBeNull()
    expect(padded(fits + 10).length).toBeGreaterThan(8192)
    expect(keys.verify('at+jwt', padded(fits + 10))).toBeNull()
  })

  it('refuses another key’s signature under our kid', async () => {
    const { keys, forge, header } = await openForged()
    expect(keys.verify('at+jwt', forge(header, encode(claims), createPair().privateKey))).toBeNull()
  })
})
