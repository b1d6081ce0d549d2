import { ACR } from './acr.ts'
import { type AudiencePolicy, allowedFor } from './audience.ts'
import type { Client } from './client.ts'
import { OAuthError } from './oauth-error.ts'
import { LONGEST_ROLES } from './roles.ts'
import { isForAdministration } from './scope.ts'

/** Ours: characters of an access token, at most. A longer token could not be revoked or introspected. */
export const ACCESS_TOKEN_MAX_CHARACTERS = 8192

/**
 * Ours: the header, the dots, and the signature of the largest RSA key that verifiers accept (8192 bits), so that a token still fits after
 * a change of keys.
 */
const AROUND_PAYLOAD_CHARACTERS = 110 + 2 + 1366

/** Placeholders for claims that every token has, as long as their longest values. */
const LONGEST_UUID = 'ffffffff-ffff-7fff-bfff-ffffffffffff'
const LONGEST_SECONDS = 99_999_999_999
/** The methods of a sign-in by passkey, which has "user" in place of "pwd". */
const LONGEST_AMR = ['user', 'otp', 'hwk', 'swk', 'mfa']
const CREDENTIALS_HASH = 'h'.repeat(22)
const LONGEST_PLACE = Number.MAX_SAFE_INTEGER

/** RFC 7638 – Characters of a SHA-256 in base64url. */
const CONFIRMATION = { jkt: 'h'.repeat(43) }

/** The parts of a token whose length varies. An empty `audience` means DEFAULT_AUDIENCE; a `jkt` binds the token to a key. */
type Grant = Readonly<{ scope: string; audience: readonly string[]; jkt: string | null }>

/** Characters of the longest access token that a client can get from this grant, for any person and any signing key. Pure. */
export const longestAccessToken = (
  client: Client,
  { scope, audience, jkt }: Grant,
  issuer: string,
): number => {
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
    ...(jkt === null ? {} : { cnf: CONFIRMATION }),
    ...(isForAdministration(scope) ? { credentials_hash: CREDENTIALS_HASH } : {}),
  }
  // A client that acts for people may also act for itself: the longer of the two subjects counts.
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

/** True when its tokens may carry a person's roles, whose length the registration does not bound. */
const servesPeople = ({ first_party, grant_types }: Client): boolean =>
  first_party || grant_types.some(grant_type => grant_type !== 'client_credentials')

/**
 * Ours – Refuses a registration whose tokens are too long even for the smallest request: the longest audience with the shortest value of
 * the scope, or with the whole scope where a request cannot ask for less. Null when such a token fits, else the fault.
 */
export const judgeRegistration = (client: Client, policy: AudiencePolicy): string | null => {
  const scope = client.first_party ? client.scope : shortestOf(client.scope.split(' '))
  const jkt = client.dpop_bound_access_tokens ? CONFIRMATION.jkt : null
  const longest = Math.max(
    ...allowedFor(client, policy).map(audience =>
      longestAccessToken(client, { scope, audience: [audience], jkt }, policy.issuer),
    ),
  )
  return longest <= ACCESS_TOKEN_MAX_CHARACTERS
    ? null
    : `client_id, scope and audience make an access token of ${longest} characters; ${ACCESS_TOKEN_MAX_CHARACTERS} is the most`
}

/**
 * Ours – Refuses a token that would be too long, before anything is signed, spent or rotated. Throws `invalid_target` where fewer
 * resources would suffice, else `invalid_scope`. The whole registration of nearly every client fits, which is computed once a client.
 */
export const createRequireLength = (policy: AudiencePolicy) => {
  const bounded = new WeakMap<Client, boolean>()
  const isBounded = (client: Client): boolean => {
    const known = bounded.get(client)
    if (known !== undefined) return known
    const all = { scope: client.scope, audience: allowedFor(client, policy), jkt: CONFIRMATION.jkt }
    const fits = longestAccessToken(client, all, policy.issuer) <= ACCESS_TOKEN_MAX_CHARACTERS
    bounded.set(client, fits)
    return fits
  }
  return {
    /** True when no request can make a token of this client too long. */
    isBounded,
    requireLength: (client: Client, grant: Grant): void => {
      if (isBounded(client)) return
      const characters = longestAccessToken(client, grant, policy.issuer)
      if (characters <= ACCESS_TOKEN_MAX_CHARACTERS) return
      const leastAudience = { ...grant, audience: [shortestOf(grant.audience)] }
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
