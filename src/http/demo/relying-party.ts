import type { Client } from '../../domain/oauth/client.ts'
import { parseForm } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { challengeOf } from '../../domain/oauth/pkce.ts'
import type { TokenResponse } from '../../domain/oauth/token-response.ts'
import { ERRORS } from '../../domain/refusals/oauth-errors.ts'
import type { TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { createRevoke } from '../../flows/oauth/revoke.ts'
import type { Exchange } from '../../grants/exchange.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { BegunVisit, RefusedVisit, SignedInVisit } from './visits.ts'

type Needs = Readonly<{
  exchange: Exchange
  revoke: ReturnType<typeof createRevoke>
  keys: Pick<Keys, 'verify'>
  random: Random
  clock: Clock
  issuer: string
  client: Client
  /** Whom the sign-in page is filled in for. */
  login_hint: string
  /** Null where the server has none. */
  end_session_endpoint: string | null
}>

type Parameters = Readonly<Record<string, string>>

/** From where a request to the token endpoint comes, and under which key its failures are counted. */
type Origin = Readonly<{ source: TracedSource; limit_key: string }>

/** The parameters of the authorization response, as they came. */
export type Returned = Readonly<Record<'state' | 'iss' | 'code' | 'error', string | undefined>>

/** `foreign`: not the answer to the request of this browser. */
type Outcome = SignedInVisit | RefusedVisit | Readonly<{ stage: 'foreign' }>

/** OpenID Connect Core §3.1, RFC 9700 §2.1 – What an application does to sign a person in, with every check that it must make. */
export const createRelyingParty = (needs: Needs) => {
  const { exchange, revoke, client, issuer, end_session_endpoint } = needs
  const { client_id } = client
  const ask = async (parameters: Parameters, attempt: Attempt) => {
    const form = parseForm(new URLSearchParams({ client_id, ...parameters }).toString())
    return orRefused(() => exchange({ form, authorization: undefined, proof: undefined, ...attempt }))
  }
  return {
    begin: (ui_locales: string | undefined): BegunVisit => ({
      stage: 'begun',
      state: randomText(needs),
      nonce: randomText(needs),
      code_verifier: randomText(needs),
      idempotency_key: needs.random.uuid(),
      ui_locales,
    }),

    authorizationUrl: (begun: BegunVisit): string => authorizationUrl(needs, begun),

    /** RFC 6749 §4.1.3 – Trades the code for tokens, once the response is known to be the answer to the request. */
    redeem: async (returned: Returned, begun: BegunVisit, origin: Origin): Promise<Outcome> => {
      const { state, iss, code, error } = returned
      if (state !== begun.state || iss !== issuer) return FOREIGN
      if (code === undefined) return { stage: 'refused', error: error ?? 'server_error' }
      const parameters = {
        grant_type: 'authorization_code',
        code,
        redirect_uri: client.redirect_uris[0] ?? '',
        code_verifier: begun.code_verifier,
      }
      const answer = await ask(parameters, { ...origin, idempotency_key: begun.idempotency_key })
      if ('stage' in answer) return answer
      const { nonce } = claimsOf(needs, answer.tokens) ?? {}
      return nonce === begun.nonce ? signedIn(needs, answer.tokens) : FOREIGN
    },

    /** RFC 6749 §6 – Trades the refresh token for the next pair. After `invalid_grant` alone the sign-in is over. */
    refresh: async (visit: SignedInVisit, origin: Origin): Promise<SignedInVisit | RefusedVisit> => {
      const { tokens, idempotency_key } = visit
      const parameters = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' }
      const answer = await ask(parameters, { ...origin, idempotency_key })
      if (!('stage' in answer))
        return { ...signedIn(needs, { ...tokens, ...answer.tokens }), refreshed: 'done' }
      const { error } = answer
      return error === 'invalid_grant' ? answer : { ...visit, refreshed: { error } }
    },

    /** RFC 7009 §2.1, OpenID Connect RP-Initiated Logout §2 – Ends the tokens, and says where the person is signed out of the server. */
    signOut: async ({ tokens }: SignedInVisit, { limit_key }: Origin): Promise<string | null> => {
      const token = tokens.refresh_token ?? tokens.access_token
      const form = parseForm(new URLSearchParams({ client_id, token }).toString())
      await orRefused(() => revoke({ form, authorization: undefined, limit_key }))
      if (end_session_endpoint === null) return null
      return addressOf(end_session_endpoint, {
        client_id,
        id_token_hint: tokens.id_token ?? '',
        post_logout_redirect_uri: client.post_logout_redirect_uris[0] ?? '',
      })
    },
  }
}

export type RelyingParty = ReturnType<typeof createRelyingParty>

const FOREIGN = { stage: 'foreign' } as const

type Attempt = Origin & Readonly<{ idempotency_key: string }>

const RANDOM_BYTES = 32

const randomText = ({ random }: Needs): string =>
  Buffer.from(random.bytes(RANDOM_BYTES)).toString('base64url')

const addressOf = (endpoint: string, parameters: Parameters): string =>
  `${endpoint}?${new URLSearchParams(parameters).toString()}`

const authorizationUrl = ({ issuer, client, login_hint }: Needs, begun: BegunVisit): string =>
  addressOf(`${issuer}/authorize`, {
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: client.redirect_uris[0] ?? '',
    scope: client.scope,
    state: begun.state,
    nonce: begun.nonce,
    code_challenge: challengeOf(begun.code_verifier) ?? '',
    code_challenge_method: 'S256',
    login_hint,
    ...(begun.ui_locales === undefined ? {} : { ui_locales: begun.ui_locales }),
  })

/** A refusal is an answer to an application, which tells its person. Every other error goes its way. */
const orRefused = async <T extends object>(request: () => Promise<T>): Promise<T | RefusedVisit> => {
  try {
    return await request()
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    return { stage: 'refused', error: ERRORS[error.code][1] }
  }
}

const signedIn = ({ random }: Needs, tokens: TokenResponse): SignedInVisit => ({
  stage: 'signed_in',
  tokens,
  idempotency_key: random.uuid(),
  refreshed: null,
})

/** OpenID Connect Core §3.1.3.7 – The claims of the ID token; null for one that this client must not accept. */
const claimsOf = ({ keys, issuer, client, clock }: Needs, { id_token }: TokenResponse) => {
  const claims = id_token === undefined ? null : keys.verify('JWT', id_token)
  if (claims === null || claims['iss'] !== issuer || claims['aud'] !== client.client_id) return null
  return Number(claims['exp']) * 1000 > clock().getTime() ? claims : null
}
