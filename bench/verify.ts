/**
 * The cost of checking a token in a service: processor time against the bare `crypto.verify` of the same signature, and beside
 * three libraries that check the same (algorithm, typ, issuer, audience, times, required claims, and whether it was revoked).
 * Each round measures every library; the median of the rounds' ratios is printed. Run: npx tsx bench/verify.ts
 */
import { createPublicKey, verify } from 'node:crypto'
import { createVerifier as createFastVerifier } from 'fast-jwt'
import { importJWK, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import type { RevocationSource } from '../src/sdk/verify/revocation-source.ts'
import { createVerifier as createPortableVerifier } from '../src/sdk/verify.ts'
import { createVerifier } from '../src/sdk/verify-node.ts'
import { AUDIENCE, createKey, signToken } from '../test/support/issuer.ts'

const ROUNDS = 21
const TOKENS = 500
/** Requests at once: libraries that use the thread pool should not pay for an idle one. */
const BATCH = 50
/** Each token is checked this often again, so that cache hits take longer than the resolution of the clock. */
const REPEATS = 20
/** Node 20 spends more around the signature than its successors. */
const FRESH_LIMIT = Number.parseInt(process.versions.node) < 24 ? 1.5 : 1.25
const ISSUER = 'https://id.example'
const REQUIRED = ['iss', 'sub', 'aud', 'client_id', 'exp', 'iat', 'jti']

type Check = (token: string) => unknown
type Contestant = Readonly<{
  name: string
  limit?: number
  hit?: true
  prepare: () => Check | Promise<Check>
}>

const key = createKey('bench')
const pem = key.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const revoked = new Set(['someone-else'])
const revocations: RevocationSource = { check: ({ jti }) => (revoked.has(jti) ? 'revoked' : 'live') }
const isGood = (claims: unknown): boolean =>
  typeof claims === 'object' &&
  claims !== null &&
  REQUIRED.every(name => name in claims) &&
  'jti' in claims &&
  !revoked.has(String(claims.jti))
const refuse = () => {
  throw new Error('refused')
}

const fetchKeys = async (url: string) =>
  Response.json(url.endsWith('jwks') ? { keys: [key.jwk] } : { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` })

const signet = (create: typeof createVerifier) => async () => {
  const verifier = create({ issuer: ISSUER, audience: AUDIENCE, revocations, fetch: fetchKeys })
  await verifier.ready()
  return (token: string) => verifier.verify(token)
}

const fastJwt = (cache: boolean) => () => {
  const check = createFastVerifier({
    key: pem,
    cache: cache ? 5000 : false,
    algorithms: ['RS256'],
    allowedIss: ISSUER,
    allowedAud: AUDIENCE,
    checkTyp: 'at+jwt',
    requiredClaims: REQUIRED,
    clockTolerance: 5000,
  })
  return (token: string) => isGood(check(token)) || refuse()
}

const jose = async () => {
  const imported = await importJWK({ ...key.jwk, kty: 'RSA' }, 'RS256')
  const options = {
    algorithms: ['RS256'],
    typ: 'at+jwt',
    issuer: ISSUER,
    audience: AUDIENCE,
    requiredClaims: REQUIRED,
    clockTolerance: 5,
  }
  return async (token: string) => isGood((await jwtVerify(token, imported, options)).payload) || refuse()
}

const jsonWebToken = () => {
  const publicKey = createPublicKey(pem)
  const options = {
    algorithms: ['RS256' as const],
    issuer: ISSUER,
    audience: AUDIENCE,
    clockTolerance: 5,
    complete: true as const,
  }
  return (token: string) => {
    const { header, payload } = jsonwebtoken.verify(token, publicKey, options)
    return (header.typ === 'at+jwt' && isGood(payload)) || refuse()
  }
}

const CONTESTANTS: readonly Contestant[] = [
  { name: 'signetd/verify on node:crypto', limit: FRESH_LIMIT, prepare: signet(createVerifier) },
  { name: 'signetd/verify on Web Crypto', prepare: signet(createPortableVerifier) },
  { name: 'fast-jwt', prepare: fastJwt(false) },
  { name: 'fast-jwt with its cache', prepare: fastJwt(true) },
  { name: 'jsonwebtoken', prepare: jsonWebToken },
  { name: 'jose', prepare: jose },
  { name: 'signetd/verify, seen before', limit: 0.02, hit: true, prepare: signet(createVerifier) },
  { name: 'fast-jwt with its cache, seen before', hit: true, prepare: fastJwt(true) },
]

const now = Math.floor(Date.now() / 1000)
const claims = (index: number) => ({
  iss: ISSUER,
  sub: `person-${index}`,
  aud: AUDIENCE,
  client_id: 'web',
  iat: now,
  exp: now + 3600,
  jti: crypto.randomUUID(),
  scope: 'orders:read orders:write',
  sid: crypto.randomUUID(),
  auth_time: now,
  roles: ['user'],
})
const tokens = await Promise.all(Array.from({ length: TOKENS }, (_, index) => signToken(key, claims(index))))
/** New strings, as a server receives them: V8 caches the hash of a string, and these have none yet. */
const arriving = () => tokens.map(token => Buffer.from(token).toString('latin1'))

const microseconds = async (count: number, work: () => unknown): Promise<number> => {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

const signed = tokens.map(token => {
  const dot = token.lastIndexOf('.')
  return { data: Buffer.from(token.slice(0, dot)), signature: Buffer.from(token.slice(dot + 1), 'base64url') }
})
const bare = () =>
  microseconds(TOKENS, () => {
    for (const { data, signature } of signed)
      if (!verify('RSA-SHA256', data, key.publicKey, signature)) refuse()
  })

const measure = async ({ hit, prepare }: Contestant): Promise<number> => {
  const check = await prepare()
  if (hit !== true) {
    const fresh = arriving()
    return microseconds(TOKENS, async () => {
      for (let first = 0; first < TOKENS; first += BATCH)
        await Promise.all(fresh.slice(first, first + BATCH).map(check))
    })
  }
  for (const token of tokens) await check(token)
  const again = arriving()
  return microseconds(TOKENS * REPEATS, async () => {
    for (let repeat = 0; repeat < REPEATS; repeat += 1) for (const token of again) await check(token)
  })
}

const ratios = new Map<string, number[]>(CONTESTANTS.map(({ name }) => [name, []]))
const bares: number[] = []
for (let round = 0; round < ROUNDS; round += 1)
  for (const contestant of CONTESTANTS) {
    const floor = await bare()
    const cost = await measure(contestant)
    // The first rounds warm the compiler up for every library.
    if (round < 3) continue
    bares.push(floor)
    ratios.get(contestant.name)?.push(cost / floor)
  }

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

console.log(`Node ${process.version}; crypto.verify: ${median(bares).toFixed(1)} µs of processor time = 1`)
for (const { name, limit } of CONTESTANTS) {
  const ratio = median(ratios.get(name) ?? [])
  const verdict = limit === undefined ? '' : ` (limit ${limit}: ${ratio <= limit ? 'kept' : 'MISSED'})`
  console.log(`${name.padEnd(38)} ${ratio.toFixed(ratio < 0.1 ? 4 : 2)}${verdict}`)
  if (limit !== undefined && ratio > limit) process.exitCode = 1
}
