/** RFC 9068 §2.2 – The claims of an access token. Times are seconds since 1970. */
export type AccessTokenClaims = Readonly<{
  iss: string
  sub: string
  aud: string | readonly string[]
  client_id: string
  exp: number
  iat: number
  jti: string
  scope?: string
  /** Ours: the refresh family, so that one revocation entry ends a whole sign-in. */
  sid?: string
  auth_time?: number
  amr?: readonly string[]
  /** RFC 9470 §6 – The authentication class of the sign-in. */
  acr?: string
  roles?: readonly string[]
  status?: TokenStatus
  /** RFC 9449 §6.1 – Thumbprint of the key whose holder alone may present the token. Absent from a bearer token. */
  cnf?: Readonly<{ jkt: string }>
  /** RFC 8693 §4.1 – Of a token that was got by exchange: the client that acts for the person. */
  act?: ActorClaim
  /** RFC 8693 §4.4 – The client that may exchange the token. Judged where it is there, although this server writes none. */
  may_act?: unknown
  /** Ours: of a token that was got by exchange, the client at which the person signed in. */
  sign_in_client_id?: string
  /** Ours: a hash of the client's credentials at the time of issue; only in tokens for administration. */
  credentials_hash?: string
}>

/** RFC 8693 §4.1 – A client that acts, and in `act` the one that acted before it. */
export type ActorClaim = Readonly<{ sub: string; act?: ActorClaim }>

/** draft-ietf-oauth-status-list §6.1 – Where a verifier can check whether the token has been revoked. */
export type TokenStatus = Readonly<{ status_list: Readonly<{ idx: number; uri: string }> }>

type Judged =
  | Readonly<{ claims: AccessTokenClaims }>
  | Readonly<{ refusal: 'malformed' | 'foreign_issuer'; presented: null }>
  /** `presented` has the claims of the refused token, for the log. */
  | Readonly<{ refusal: 'expired' | 'foreign_audience'; presented: AccessTokenClaims }>

type Expected = Readonly<{
  issuer: string
  /** The only audience that the token may have; null when the caller judges the audience. */
  sole_audience: string | null
  now: Date
}>

/** RFC 9068 §4 – Judges the claims of a token whose signature and `typ` have been verified. Our own tokens need no clock tolerance. */
export const judgeAccessToken = (
  claims: Readonly<Record<string, unknown>> | null,
  expected: Expected,
): Judged => {
  if (claims === null || !isAccessTokenClaims(claims)) return { refusal: 'malformed', presented: null }
  if (claims.iss !== expected.issuer) return { refusal: 'foreign_issuer', presented: null }
  if (claims.exp <= expected.now.getTime() / 1000) return { refusal: 'expired', presented: claims }
  if (expected.sole_audience !== null && !isForAlone(claims, expected.sole_audience))
    return { refusal: 'foreign_audience', presented: claims }
  return { claims }
}

/** How a request presents an access token: as it is, or with a proof of the key that the token is bound to. */
export type PresentedToken = Readonly<{ scheme: 'bearer' | 'dpop'; token: string }>

/**
 * RFC 6750 §2.1, RFC 9449 §7.1 – The token of an Authorization header. Null for another scheme, and for what cannot be a token.
 */
export const presentedTokenOf = (authorization: string): PresentedToken | null => {
  const [, scheme = '', token = ''] = /^(bearer|dpop) +([\w.~+/=-]+)$/i.exec(authorization) ?? []
  if (token === '') return null
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', token }
}

/** RFC 7519 §4.1.3 – The audiences as a list: a single string is a list of one. */
export const audiencesOf = ({ aud }: Pick<AccessTokenClaims, 'aud'>): readonly string[] =>
  typeof aud === 'string' ? [aud] : aud

/** Ours: a token with further audiences is refused, because those services could present it here. */
const isForAlone = (claims: Pick<AccessTokenClaims, 'aud'>, audience: string): boolean => {
  const [first, ...others] = audiencesOf(claims)
  return first === audience && others.length === 0
}

const isAccessTokenClaims = (claims: object): claims is AccessTokenClaims => {
  const { iss, sub, aud, client_id, exp, iat, jti } = claims as Partial<AccessTokenClaims>
  return (
    [iss, sub, client_id, jti].every(claim => typeof claim === 'string') &&
    [exp, iat].every(claim => typeof claim === 'number') &&
    (typeof aud === 'string' || Array.isArray(aud))
  )
}
