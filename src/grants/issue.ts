import { idTokenClaims } from '../domain/authorization/id-token.ts'
import type { AccessTokenClaims, ActorClaim, TokenStatus } from '../domain/oauth/access-token.ts'
import { ACCESS_TOKEN_MAX_CHARACTERS, type RequireLength } from '../domain/oauth/access-token-length.ts'
import { acrOf, rolesAt } from '../domain/oauth/acr.ts'
import { type Client, credentialsHashOf } from '../domain/oauth/client.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import { boundRoles } from '../domain/oauth/roles.ts'
import { isForAdministration } from '../domain/oauth/scope.ts'
import type { AccessTokenResponse } from '../domain/oauth/token-response.ts'
import type { Family } from '../domain/sign-in/refresh-family.ts'
import type { Clock, Random } from '../ports/effects.ts'
import type { Keys } from '../ports/keys.ts'
import type { Listable } from '../ports/revocations.ts'

type Needs = Readonly<{
  keys: Keys
  random: Random
  clock: Clock
  issuer: string
  ttl_seconds: number
  /** Roles that only a sign-in with two factors carries. */
  second_factor_roles: readonly string[]
  requireLength: RequireLength['requireLength']
  /** Reserves the token's place in a status list, durably before the token is issued. */
  reserveStatus: (token: Listable) => Promise<TokenStatus>
}>

/** What an ID token says beside its own life. */
type Identity = Omit<Parameters<typeof idTokenClaims>[0], 'issuer' | 'family' | 'iat' | 'exp'> &
  Readonly<{ family: Family }>

/** `jkt`: RFC 9449 §6.1 – Thumbprint of the key that the access token is bound to; null for a bearer token. */
type Grant = Readonly<{ scope: string; audience: readonly string[]; jkt: string | null }>

/** RFC 8693 §2.1 – The claims of the subject token, when it was seen to live, and the actors of the new one. */
type Exchange = Grant &
  Readonly<{ subject: AccessTokenClaims & Readonly<{ sid: string }>; at: Date; act: ActorClaim }>

/**
 * A sign-in as its tokens tell of it. `auth_time` is null where this server does not know when the person proved who they are; `acr` is null
 * where the person was not here at all, and left out where `amr` tells it.
 */
type TokenFamily = Omit<Family, 'auth_time'> & Readonly<{ auth_time: Date | null; acr?: null }>

/** The parts of a token that are decided before the statement which the client cannot repeat. */
export type Prepared = Readonly<{ jti: string; status: TokenStatus | null }>

/** Seconds that may pass between reserving a place in a status list and signing its token: a place must not expire before its token. */
const PREPARED_SECONDS = 60

const secondsOf = (instant: Date) => Math.floor(instant.getTime() / 1000)

const confirming = (jkt: string | null) => (jkt === null ? {} : { cnf: { jkt } })

/** From the statement that judged the sign-in, and not beyond the sign-in. */
const lifeOf = ({ at, expires_at }: Pick<Family, 'at' | 'expires_at'>, ttl_seconds: number) => {
  const iat = secondsOf(at)
  return { iat, exp: Math.min(iat + ttl_seconds, secondsOf(expires_at)) }
}

/** RFC 9068, OpenID Connect Core §2 – Issues access tokens and ID tokens. */
export const createIssue = (needs: Needs) => {
  const { keys, clock, issuer, ttl_seconds, second_factor_roles, requireLength } = needs
  const prepare = createPrepare(needs)
  const sign = createSign(needs)
  return {
    prepare,
    requireLength,

    /** RFC 9068 §2.2 – Issues a token to a client that acts for itself: `sub` is the client. */
    toClient: async (client: Client, { scope, audience, jkt }: Grant) => {
      const { client_id } = client
      const prepared = await prepare(client, { scope, audience, jkt }, { sub: client_id })
      const iat = secondsOf(clock())
      const claims = {
        sub: client_id,
        client_id,
        aud: audience,
        iat,
        exp: iat + ttl_seconds,
        scope,
        ...confirming(jkt),
        ...(isForAdministration(scope) ? { credentials_hash: credentialsHashOf(client) } : {}),
      }
      return sign(claims, prepared)
    },

    /**
     * RFC 9068 §2.2 – Issues a token to a person's sign-in. Ours: `iat` is the database's time of the statement that judged the sign-in,
     * so that a revocation of everything until then, which waited for that statement, covers the token. No token outlives its sign-in.
     */
    toFamily: (family: TokenFamily, { scope, audience, jkt }: Grant, prepared: Prepared) => {
      const { user_id, client_id, auth_time, amr } = family
      const acr = family.acr === null ? null : acrOf(amr)
      const { iat, exp } = lifeOf(family, ttl_seconds)
      return sign(
        {
          sub: user_id,
          client_id,
          aud: audience,
          iat,
          exp,
          scope,
          sid: family.id,
          ...(auth_time === null ? {} : { auth_time: secondsOf(auth_time) }),
          ...(amr.length === 0 ? {} : { amr }),
          roles: rolesAt(acr, boundRoles(family.roles), second_factor_roles),
          ...(acr === null ? {} : { acr }),
          ...confirming(jkt),
        },
        prepared,
      )
    },

    toActor: createToActor(needs, { prepare, sign }),

    /** OpenID Connect Core §2, §3.1.3.3 – Who signed in, for the application; it lives as long as the access token beside it. */
    idToken: ({ family, person, nonce, scope, access_token }: Identity): Promise<string> => {
      const { iat, exp } = lifeOf(family, ttl_seconds)
      return keys.sign('JWT', idTokenClaims({ issuer, family, person, nonce, scope, access_token, iat, exp }))
    },
  }
}

export type Issue = ReturnType<typeof createIssue>

type Steps = Readonly<{
  prepare: ReturnType<typeof createPrepare>
  sign: ReturnType<typeof createSign>
}>

/**
 * RFC 8693 §2.2.1, §4.1 – Issues to a client, which acts, a token of the subject token's sign-in: the new one ends with the sign-in, has
 * no more rights, and never outlives the subject token. Ours: `iat` is the database's time at which that was seen to live, so that an ending
 * of everything until later covers the new one, whatever this instance's clock says.
 */
const createToActor =
  ({ ttl_seconds, second_factor_roles }: Needs, { prepare, sign }: Steps) =>
  async (client: Client, { subject, at, act, ...grant }: Exchange): Promise<AccessTokenResponse> => {
    const { sub, sid, auth_time, amr, acr, roles = [], may_act } = subject
    const { client_id } = client
    const prepared = await prepare(client, grant, { sub, sid })
    const iat = secondsOf(at)
    const tokens = await sign(
      {
        sub,
        client_id,
        aud: grant.audience,
        iat,
        exp: Math.min(iat + ttl_seconds, subject.exp),
        scope: grant.scope,
        sid,
        ...(auth_time === undefined ? {} : { auth_time }),
        ...(amr === undefined ? {} : { amr }),
        roles: rolesAt(acr, roles, second_factor_roles),
        ...(acr === undefined ? {} : { acr }),
        act,
        ...(may_act === undefined ? {} : { may_act }),
        sign_in_client_id: subject.sign_in_client_id ?? subject.client_id,
        ...confirming(grant.jkt),
      },
      prepared,
    )
    if (tokens.access_token.length > ACCESS_TOKEN_MAX_CHARACTERS) throw new OAuthError('token_too_long')
    return tokens
  }

/**
 * Refuses a token that would be too long, and reserves its place in a status list where its client wants one. Reserving is the one step
 * of issuing that needs Postgres. Throws `invalid_target`.
 */
const createPrepare =
  ({ random, clock, ttl_seconds, requireLength, reserveStatus }: Needs) =>
  async (
    client: Client,
    grant: Grant,
    token: Readonly<{ sub: string; sid?: string }> | null,
  ): Promise<Prepared> => {
    requireLength(client, grant)
    // A UUIDv4, while a `sid` is a UUIDv7: followers of the feed that keep only one of the two kinds tell them apart by the version.
    const jti = random.tokenId()
    const { client_id, status_list } = client
    if (!status_list || token === null) return { jti, status: null }
    const iat = secondsOf(clock())
    const exp = iat + ttl_seconds + PREPARED_SECONDS
    return { jti, status: await reserveStatus({ ...token, client_id, jti, iat, exp }) }
  }

const createSign =
  ({ keys, issuer }: Needs) =>
  async (
    { aud, scope, ...claims }: Omit<AccessTokenClaims, 'iss' | 'jti'>,
    { jti, status }: Prepared,
  ): Promise<AccessTokenResponse> => {
    const access_token = await keys.sign('at+jwt', {
      iss: issuer,
      aud: Array.isArray(aud) && aud.length === 1 ? aud[0] : aud,
      jti,
      ...claims,
      ...(scope ? { scope } : {}),
      ...(status === null ? {} : { status }),
    })
    return {
      access_token,
      token_type: claims.cnf === undefined ? 'Bearer' : 'DPoP',
      expires_in: claims.exp - claims.iat,
      ...(scope ? { scope } : {}),
    }
  }
