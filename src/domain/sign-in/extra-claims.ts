import { CLAIMS } from '../oauth/identity-claims.ts'

/** A value of JSON. */
export type Json = string | number | boolean | null | readonly Json[] | Readonly<{ [name: string]: Json }>

/** Claims that the operator's server has added to a sign-in, which every token of the sign-in carries. */
export type ExtraClaims = Readonly<Record<string, Json>>

/** Bytes of the claims as JSON, at most: an access token of the longest roles and usual scopes has room for them. */
export const EXTRA_CLAIMS_MAX_BYTES = 1_024

const CLAIMS_AT_MOST = 32
const NAME_MAX_CHARACTERS = 128
/** Lists and objects one in the other, at most. */
const DEEPEST = 4

/** Names that this server writes, or that an answer of introspection has beside the claims (RFC 7662 §2.2). */
const OF_THIS_SERVER = [
  ...CLAIMS,
  'nbf jti client_id scope roles status cnf act may_act sign_in_client_id credentials_hash',
  'active token_type username',
].flatMap(names => names.split(' '))

/**
 * IANA "JSON Web Token Claims" – Names that tell a verifier what a token is, whose key or session it is bound to, what it grants or where its
 * other claims are. A name of the registry that is a fact about the person which this server does not keep, such as `groups`, is free.
 */
const OF_PROTOCOLS = [
  'azp c_hash s_hash ath at_use_nbr sub_jwk sub_id jwk x5t#S256 htm htu cnonce eat_nonce exi',
  'ace_profile authorization_details events toe txn vot vtm attest orig origid dest',
  'token_introspection _claim_names _claim_sources verified_claims vc vp vct vct#integrity _sd',
  '_sd_alg sd_hash ... status_list ttl typ cty alg kid crit',
].flatMap(names => names.split(' '))

/** Readers of JSON that ignore the case of names, as Go's does, take `Sub` for `sub`, and the long s of Unicode for an s. */
const foldOf = (name: string): string => name.normalize('NFKC').toLowerCase()

const RESERVED: ReadonlySet<string> = new Set([...OF_THIS_SERVER, ...OF_PROTOCOLS].map(foldOf))
const PROTOTYPE = '__proto__'

/** Ours – Names that begin so are for later versions of this server. */
const RESERVED_PREFIX = /^signet(?:$|[_:])/

/** True for a name that no server of the operator may write. */
export const isReservedClaim = (name: string): boolean => {
  const folded = foldOf(name)
  return RESERVED.has(folded) || folded === PROTOTYPE || RESERVED_PREFIX.test(folded)
}

type Judged = Readonly<{ claims: ExtraClaims; ignored: readonly string[] }>

/**
 * Ours (docs/decisions/0055) – Reads the claims of an answer: those that a token may carry, and the reserved names that it had, which are
 * left out. A claim that is null is left out too (OpenID Connect Core §5.3.2). Null where it is no object, or has what no token may carry:
 * too much, too deep, or a text or a number that JSON elsewhere reads in another way.
 */
export const judgeExtraClaims = (value: unknown): Judged | null => {
  if (!isObject(value)) return null
  const given = Object.entries(value).filter(([, claim]) => claim !== null)
  const claims = given.filter((entry): entry is [string, Json] => !isReservedClaim(entry[0]))
  const ignored = given.map(([name]) => name).filter(isReservedClaim)
  if (claims.length > CLAIMS_AT_MOST) return null
  if (!claims.every(([name, claim]) => isName(name) && isCarried(claim, 1))) return null
  const kept = Object.fromEntries(claims)
  return Buffer.byteLength(JSON.stringify(kept)) <= EXTRA_CLAIMS_MAX_BYTES ? { claims: kept, ignored } : null
}

/** The claims of a token that this server did not write itself. Null without one. */
export const extraClaimsOf = (claims: Readonly<Record<string, unknown>>): ExtraClaims | null => {
  const extra = Object.entries(claims).filter(
    (entry): entry is [string, Json] => !isReservedClaim(entry[0]) && entry[1] !== undefined,
  )
  return extra.length === 0 ? null : Object.fromEntries(extra)
}

/** Adds extra claims below the others. A row may have been written by another version, which knew fewer reserved names. */
export const withExtraClaims = (
  claims: Readonly<Record<string, unknown>>,
  extra: ExtraClaims | null,
): Readonly<Record<string, unknown>> => (extra === null ? claims : { ...extraClaimsOf(extra), ...claims })

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Postgres stores no NUL, and no half of a surrogate pair. */
const isText = (text: string): boolean => !text.includes('\0') && Buffer.from(text).toString() === text

const isName = (name: string): boolean => name !== '' && name.length <= NAME_MAX_CHARACTERS && isText(name)

/** False for what is no JSON, and for numbers that another reader would round. */
const isCarried = (value: unknown, depth: number): value is Json => {
  if (value === null || typeof value === 'boolean') return true
  if (typeof value === 'string') return isText(value)
  if (typeof value === 'number')
    return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value)
  return typeof value === 'object' && depth <= DEEPEST && areCarried(value, depth)
}

const areCarried = (value: object, depth: number): boolean =>
  Array.isArray(value)
    ? value.every(member => isCarried(member, depth + 1))
    : Object.entries(value).every(
        ([name, member]) => name !== PROTOTYPE && isName(name) && isCarried(member, depth + 1),
      )
