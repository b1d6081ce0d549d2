/** signetd/testing: an issuer for a service's own tests, without a server. Not for production: it gives tokens to every caller. */
import type { Claims } from './verify/claims.ts'
import { metadataUrl } from './verify/key-set.ts'
import { requireKnownOptions } from './verify/known-options.ts'
import type { Fetch } from './verify/remote-json.ts'

/** Claims that replace the usual ones; `undefined` leaves a claim out. */
export type TestClaims = Readonly<{ [Name in keyof Claims]?: Claims[Name] | undefined }>

export type TestIssuer = Readonly<{
  issuer: string
  /** A signed access token: valid for an hour, with this issuer and audience, unless `claims` replace them. */
  issue(claims?: TestClaims): Promise<string>
  /** For the verifier's option `fetch`: answers as this issuer, and reaches no network. */
  fetch: Fetch
  /** Replaces the global fetch for this issuer's URLs, for a verifier that the test cannot configure. Returns a function that undoes it. */
  install(): () => void
}>

const ALGORITHM = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
} as const

/** Creates an issuer with a new key. The audience is that of the service's verifier, never the issuer. */
export const createTestIssuer = async (options: {
  issuer: string
  audience: string | readonly string[]
}): Promise<TestIssuer> => {
  requireKnownOptions('createTestIssuer', options, { issuer: true, audience: true })
  const { issuer, audience } = options
  const kid = crypto.randomUUID()
  const { privateKey, publicKey } = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const jwk = await crypto.subtle.exportKey('jwk', publicKey)
  const jwks_uri = new URL('/.well-known/jwks.json', issuer).href
  const documents = new Map<string, unknown>([
    [metadataUrl(issuer), { issuer, jwks_uri }],
    [jwks_uri, { keys: [{ kty: 'RSA', use: 'sig', alg: 'RS256', kid, n: jwk.n, e: jwk.e }] }],
  ])

  const fetch: Fetch = async url =>
    documents.has(url) ? Response.json(documents.get(url)) : new Response(null, { status: 404 })

  const issue = async (claims: TestClaims = {}) => {
    const now = Math.floor(Date.now() / 1000)
    const usual = {
      iss: issuer,
      sub: 'test-user',
      aud: audience,
      client_id: 'test-client',
      iat: now,
      exp: now + 3600,
    }
    const header = segmentOf({ alg: 'RS256', typ: 'at+jwt', kid })
    const signingInput = `${header}.${segmentOf({ ...usual, jti: crypto.randomUUID(), ...claims })}`
    const bytes = new TextEncoder().encode(signingInput)
    const signature = await crypto.subtle.sign(ALGORITHM.name, privateKey, bytes)
    return `${signingInput}.${base64urlOf(new Uint8Array(signature))}`
  }

  const install = () => {
    const real = globalThis.fetch
    globalThis.fetch = async (input, init) => {
      const url = input instanceof Request ? input.url : String(input)
      return documents.has(url) ? Response.json(documents.get(url)) : real(input, init)
    }
    return () => {
      globalThis.fetch = real
    }
  }

  return { issuer, issue, fetch, install }
}

const segmentOf = (value: unknown): string => base64urlOf(new TextEncoder().encode(JSON.stringify(value)))

const base64urlOf = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
