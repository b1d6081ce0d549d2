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

describe('RFC 7515 §5.1 – what we sign', () => {
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

  it('keeps what is signed at once apart', async () => {
    const keys = await open(makeDirectory())
    const signed = await Promise.all([1, 2, 3, 4, 5, 6].map(n => keys.sign('at+jwt', { n })))
    expect(signed.map(jws => keys.verify('at+jwt', jws))).toEqual([1, 2, 3, 4, 5, 6].map(n => ({ n })))
  })
})

describe('RFC 8725 §3 – what we verify', () => {
  it('is our own, by its type (§3.11)', async () => {
    const keys = await open(makeDirectory())
    const [access, id] = await Promise.all([keys.sign('at+jwt', claims), keys.sign('JWT', claims)])
    expect(keys.verify('at+jwt', access)).toEqual(claims)
    expect(keys.verify('JWT', id)).toEqual(claims)
    expect(keys.verify('JWT', access)).toBeNull()
    expect(keys.verify('at+jwt', id)).toBeNull()
  })

  it('may name its type in full and in any case (RFC 9068 §4, RFC 7515 §4.1.9)', async () => {
    const { keys, forge, header } = await openForged()
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+jwt']) {
      expect(keys.verify('at+jwt', forge({ ...header, typ }))).toEqual(claims)
    }
    expect(keys.verify('at+jwt', forge({ kid: header.kid, typ: 'at+jwt', alg: 'RS256' }))).toEqual(claims)
    for (const typ of ['JWT', 'text/at+jwt', 'application/application/at+jwt', '', 5, null, undefined]) {
      expect(keys.verify('at+jwt', forge({ ...header, typ }))).toBeNull()
    }
  })

  it('is refused with another algorithm, none, or our public key as a shared secret (§3.1)', async () => {
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

  it('is refused with a key of its own in the header, by whatever member', async () => {
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

  it('is refused with an extension that it calls critical (RFC 7515 §4.1.11)', async () => {
    const { keys, forge, header } = await openForged()
    for (const crit of [['b64'], ['exp'], [], null, 'b64']) {
      expect(keys.verify('at+jwt', forge({ ...header, crit, b64: false }))).toBeNull()
    }
  })

  it('is refused with an unknown kid, or with none (RFC 7515 §4.1.4)', async () => {
    const { keys, forge, header } = await openForged()
    for (const kid of ['x', '', '../own.pem', 1, null, undefined, [header.kid]]) {
      expect(keys.verify('at+jwt', forge({ ...header, kid }))).toBeNull()
    }
  })

  it('is refused when any character was changed', async () => {
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

  it('has three segments of canonical base64url, and one spelling (RFC 7515 §2, §7.1)', async () => {
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

  it('has a JSON object for header and payload (RFC 7515 §5.2), and 8192 characters at most', async () => {
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

  it('is refused when a stranger’s key signed it under our kid', async () => {
    const { keys, forge, header } = await openForged()
    expect(keys.verify('at+jwt', forge(header, encode(claims), createPair().privateKey))).toBeNull()
  })
})
