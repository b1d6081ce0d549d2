import { hash } from 'node:crypto'
import type { Person } from '../account/profile.ts'
import { pooled } from '../base/digest.ts'
import { acrOf, isAuthTimeKnown } from '../oauth/acr.ts'
import { CLAIMS_OF_SCOPES } from '../oauth/identity-claims.ts'
import type { Family } from '../sign-in/refresh-family.ts'

type Claims = Readonly<Record<string, unknown>>

type IdToken = Readonly<{
  issuer: string
  family: Pick<Family, 'id' | 'client_id' | 'auth_time' | 'amr'>
  person: Person
  /** Null: the authorization request had none, or it was long ago. */
  nonce: string | null
  /** Of the access token that comes with it. */
  scope: string
  access_token: string
  /** Seconds since 1970. */
  iat: number
  exp: number
}>

/**
 * OpenID Connect Core §2, §3.1.3.6 – The claims of an ID token: who signed in, when and how, with the claims of the person that the
 * scope asks for. Ours: no roles, because an ID token is for the application and tells no API what the person may do.
 */
export const idTokenClaims = (token: IdToken): Claims => {
  const { issuer, family, person, nonce, scope, access_token, iat, exp } = token
  const acr = acrOf(family.amr)
  // What is always there comes first: V8 builds properties after a spread one by one.
  return {
    iss: issuer,
    sub: person.id,
    aud: family.client_id,
    exp,
    iat,
    at_hash: accessTokenHashOf(access_token),
    sid: family.id,
    acr,
    ...(nonce === null ? null : { nonce }),
    ...(isAuthTimeKnown(family.auth_time)
      ? { auth_time: Math.floor(family.auth_time.getTime() / 1000) }
      : null),
    // RFC 8176 has no method for a sign-in that another issuer vouches for.
    ...(family.amr.length === 0 ? null : { amr: family.amr }),
    ...claimsOf(person, scope),
  }
}

/** OpenID Connect Core §5.4 – The claims of a person that the scope asks for. Those without a value are left out (§5.3.2). */
export const claimsOf = (person: Person, scope: string): Claims => {
  const claims: Record<string, unknown> = {}
  for (const asked of scope.split(' ')) {
    for (const name of CLAIMS_BY_SCOPE.get(asked) ?? []) {
      const value = valueOf(person, name)
      if (value !== null) claims[name] = value
    }
  }
  return claims
}

type Claim = (typeof CLAIMS_OF_SCOPES)[keyof typeof CLAIMS_OF_SCOPES][number]

const CLAIMS_BY_SCOPE: ReadonlyMap<string, readonly Claim[]> = new Map(Object.entries(CLAIMS_OF_SCOPES))

const valueOf = (person: Person, claim: Claim): string | number | boolean | null => {
  switch (claim) {
    case 'sub':
      return person.id
    case 'email_verified':
      return person.email_verified_at !== null
    case 'updated_at':
      return Math.floor(person.updated_at.getTime() / 1000)
    case 'email':
    case 'name':
    case 'given_name':
    case 'family_name':
    case 'preferred_username':
    case 'picture':
    case 'locale':
    case 'zoneinfo':
      return person[claim]
  }
}

/** OpenID Connect Core §3.1.3.6 – The left half of the SHA-256, because the ID token is signed with RS256. */
const accessTokenHashOf = (access_token: string): string =>
  pooled(hash('sha256', access_token, 'binary')).toString('base64url', 0, 16)
