import { ACR } from './acr.ts'
import { type AudiencePolicy, allowedFor } from './audience.ts'
import type { Client } from './client.ts'
import { OAuthError } from './oauth-error.ts'
import { LONGEST_ROLES } from './roles.ts'
import { ADMIN_SCOPE } from './scope.ts'

/** Ours: characters of an access token, at most. A longer one could be neither revoked nor introspected. */
export const ACCESS_TOKEN_MAX_CHARACTERS = 8192

/**
 * Ours: the header, the dots, and the signature of the largest RSA key that verifiers take (8192 bits): a token that fits today
 * must fit under tomorrow's key.
 */
const AROUND_PAYLOAD_CHARACTERS = 110 + 2 + 1366

/** Stand-ins for what every token has, as long as the longest of their kind. */
const LONGEST_UUID = 'ffffffff-ffff-7fff-bfff-ffffffffffff'
const LONGEST_SECONDS = 99_999_999_999
/** Of a sign-in by a passkey, which says "user" for "pwd". */
const LONGEST_AMR = ['user', 'otp', 'hwk', 'swk', 'mfa']
const CREDENTIALS_HASH = 'h'.repeat(22)
const LONGEST_PLACE = Number.MAX_SAFE_INTEGER

/** What of a token can make it long. `audience` empty: DEFAULT_AUDIENCE. */
type Grant = Readonly<{ scope: string; audience: readonly string[] }>

/** Characters of the longest access token that a client can get of this grant, for any person and any signing key. Pure. */
export const longestAccessToken = (client: Client, { scope, audience }: Grant, issuer: string): number => {
  const { client_id } = client
  const claims = {
    iss: issuer,
    aud: audience,
    jti: LONGEST_UUID,
    sub: servesPeople(client) ? LONGEST_UUID : client_id,
    client_id,
    iat: LONGEST_SECONDS,
    exp: LONGEST_SECONDS,
    scope,
    ...(servesPeople(client) ? OF_A_PERSON : {}),
    ...(client.status_list ? statusAt(issuer) : {}),
    ...(scope.split(' ').includes(ADMIN_SCOPE) ? { credentials_hash: CREDENTIALS_HASH } : {}),
  }
  // A client that acts for people may act for itself beside: the longer of the two subjects counts.
  const spare = Math.max(0, JSON.stringify(client_id).length - JSON.stringify(claims.sub).length)
  return AROUND_PAYLOAD_CHARACTERS + Math.ceil(((Buffer.byteLength(JSON.stringify(claims)) + spare) * 4) / 3)
}

const OF_A_PERSON = {
  sid: LONGEST_UUID,
  auth_time: LONGEST_SECONDS,
  amr: LONGEST_AMR,
  acr: ACR.mfa,
  roles: LONGEST_ROLES,
}

const statusAt = (issuer: string) => ({
  status: { status_list: { idx: LONGEST_PLACE, uri: `${issuer}/status-lists/${LONGEST_PLACE}` } },
})

/** Its tokens may carry a person's roles, which are not the client's to bound. */
const servesPeople = ({ first_party, grant_types }: Client): boolean =>
  first_party || grant_types.some(grant_type => grant_type !== 'client_credentials')

/**
 * Ours – What a registration alone makes too long, however little a request asks for: the longest of the audiences, with the
 * shortest value of the scope, or with the whole scope where no request can ask for less. Null when every such token fits, else what
 * to shorten.
 */
export const judgeRegistration = (client: Client, policy: AudiencePolicy): string | null => {
  const scope = client.first_party ? client.scope : shortestOf(client.scope.split(' '))
  const longest = Math.max(
    ...allowedFor(client, policy).map(audience =>
      longestAccessToken(client, { scope, audience: [audience] }, policy.issuer),
    ),
  )
  return longest <= ACCESS_TOKEN_MAX_CHARACTERS
    ? null
    : `client_id, scope and audience make an access token of ${longest} characters; ${ACCESS_TOKEN_MAX_CHARACTERS} is the most`
}

/**
 * Ours – Refuses a token that would be too long, before anything is signed, spent or rotated. Throws `invalid_target` where fewer
 * resources would do, else `invalid_scope`. Nearly every client's whole registration fits, which is found out once.
 */
export const createRequireLength = (policy: AudiencePolicy) => {
  const bounded = new WeakMap<Client, boolean>()
  const isBounded = (client: Client): boolean => {
    const known = bounded.get(client)
    if (known !== undefined) return known
    const all = { scope: client.scope, audience: allowedFor(client, policy) }
    const fits = longestAccessToken(client, all, policy.issuer) <= ACCESS_TOKEN_MAX_CHARACTERS
    bounded.set(client, fits)
    return fits
  }
  return {
    /** No request can make a token of this client too long. */
    isBounded,
    requireLength: (client: Client, grant: Grant): void => {
      if (isBounded(client)) return
      const characters = longestAccessToken(client, grant, policy.issuer)
      if (characters <= ACCESS_TOKEN_MAX_CHARACTERS) return
      const leastAudience = { scope: grant.scope, audience: [shortestOf(grant.audience)] }
      const isScopeTooLong =
        longestAccessToken(client, leastAudience, policy.issuer) > ACCESS_TOKEN_MAX_CHARACTERS
      const reason = isScopeTooLong ? 'token_too_long_by_scope' : 'token_too_long'
      throw new OAuthError(reason, { client_id: client.client_id, characters })
    },
  }
}

export type RequireLength = ReturnType<typeof createRequireLength>

const shortestOf = (texts: readonly string[]): string =>
  texts.reduce((shortest, text) => (text.length < shortest.length ? text : shortest), texts[0] ?? '')
