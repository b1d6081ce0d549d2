import type { Client } from '../../domain/oauth/client.ts'
import { parseForm } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { challengeOf } from '../../domain/oauth/pkce.ts'
import type { TokenResponse } from '../../domain/oauth/token-response.ts'
import type { TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { createRevoke } from '../../flows/oauth/revoke.ts'
import type { Exchange } from '../../grants/exchange.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import { CONSOLE_SECONDS, type ConsoleSignedIn, type ConsoleState, type ConsoleVisits } from './visits.ts'

type Needs = Readonly<{
  /** Both for the console's client alone, which is authenticated by being here. */
  exchange: Exchange
  revoke: ReturnType<typeof createRevoke>
  keys: Pick<Keys, 'verify'>
  visits: ConsoleVisits
  clock: Clock
  random: Random
  issuer: string
  client: Client
}>

type Begun = Readonly<{ browser: string; path: string }>

/** The parameters of the authorization response, as they came. */
type Returned = Readonly<Record<'state' | 'iss' | 'code' | 'error', string | undefined>>

/**
 * RFC 6749 §4.1, RFC 7636, RFC 9700 §2.1 – The console as a client of its own server: it sends the person to /authorize, and trades the code
 * and later the refresh token in process.
 */
export const createConsoleParty = (needs: Needs) => {
  const { visits, random, issuer, client } = needs
  const seconds = () => Math.floor(needs.clock().getTime() / 1000)
  const keep = createKeep(needs, seconds)
  return {
    /** Where a browser is sent to sign in, and back to which path of the console. */
    authorizationUrl: ({ browser, path }: Begun): string => {
      const code_verifier = Buffer.from(random.bytes(VERIFIER_BYTES)).toString('base64url')
      const state = { path, code_verifier, idempotency_key: random.uuid(), begun_at: seconds() }
      return authorizationUrlOf(needs, { code_verifier, state: visits.sealState(state, browser) })
    },

    /** RFC 6749 §10.12, RFC 9207 – The state of an answer to this browser's own request; null for any other answer. */
    stateOf: ({ state = '', iss }: Returned, browser: string): ConsoleState | null => {
      const opened = iss === issuer ? visits.openState(state, browser) : null
      return opened !== null && seconds() - opened.begun_at <= STATE_SECONDS ? opened : null
    },

    /** RFC 6749 §4.1.3 – Trades the code. Null where it is refused. */
    redeem: async (
      code: string,
      { code_verifier, idempotency_key }: ConsoleState,
      { browser, source }: Redeeming,
    ): Promise<ConsoleSignedIn | null> => {
      const form = {
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUriOf(client),
        code_verifier,
      }
      const tokens = await ask(needs, form, { idempotency_key, source })
      const claims = tokens?.id_token === undefined ? null : needs.keys.verify('JWT', tokens.id_token)
      if (tokens === null || claims === null) return null
      const { sid, email } = claims
      return keep(tokens, {
        browser,
        sid: String(sid),
        email: String(email),
        until: seconds() + CONSOLE_SECONDS,
      })
    },

    /** A person who was signed in to the console by another way than a code. */
    enter: (tokens: TokenResponse, { sid, email }: Pick<ConsoleSignedIn, 'sid' | 'email'>): ConsoleSignedIn =>
      keep(tokens, { browser: random.uuid(), sid, email, until: seconds() + CONSOLE_SECONDS }),

    /** True where the access token has expired, or soon will. */
    isStale: ({ expires_at }: ConsoleSignedIn): boolean => expires_at - seconds() < EARLY_SECONDS,

    /** RFC 6749 §6 – The next tokens. Null where the sign-in has ended. Two tabs at once get the same refresh token, by their common key. */
    refresh: async (visit: ConsoleSignedIn, source: TracedSource): Promise<ConsoleSignedIn | null> => {
      const { refresh_token, idempotency_key } = visit
      const tokens = await ask(
        needs,
        { grant_type: 'refresh_token', refresh_token },
        { idempotency_key, source },
      )
      return tokens && keep(tokens, visit)
    },

    isOver: ({ until }: ConsoleSignedIn): boolean => until <= seconds(),

    /** RFC 7009 §2.1 – Ends the sign-in to the console. */
    signOut: async ({ refresh_token: token }: ConsoleSignedIn): Promise<void> => {
      await needs.revoke({ form: formOf({ token }), authorization: undefined, limit_key: client.client_id })
    },
  }
}

export type ConsoleParty = ReturnType<typeof createConsoleParty>

type Kept = Pick<ConsoleSignedIn, 'browser' | 'sid' | 'email' | 'until'>

/** What the cookie keeps of tokens. */
const createKeep =
  ({ random }: Needs, seconds: () => number) =>
  (tokens: TokenResponse, { browser, sid, email, until }: Kept): ConsoleSignedIn => ({
    stage: 'signed_in',
    browser,
    sid,
    email,
    until,
    access_token: tokens.access_token,
    expires_at: seconds() + tokens.expires_in,
    refresh_token: tokens.refresh_token ?? '',
    idempotency_key: random.uuid(),
  })

const redirectUriOf = ({ redirect_uris }: Client): string => redirect_uris[0] ?? ''

type Asked = Readonly<{ code_verifier: string; state: string }>

const authorizationUrlOf = ({ issuer, client }: Needs, { code_verifier, state }: Asked): string => {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: redirectUriOf(client),
    scope: client.scope,
    state,
    code_challenge: challengeOf(code_verifier) ?? '',
    code_challenge_method: 'S256',
  })
  return `${issuer}/authorize?${query.toString()}`
}

const VERIFIER_BYTES = 32
/** Seconds within which the answer of the sign-in has to come. */
const STATE_SECONDS = 3_600
/** Seconds that an access token must still live: a page asks the API several times. */
const EARLY_SECONDS = 30

type Redeeming = Readonly<{ browser: string; source: TracedSource }>
type Attempt = Readonly<{ idempotency_key: string; source: TracedSource }>

const formOf = (parameters: Readonly<Record<string, string>>) =>
  parseForm(new URLSearchParams(parameters).toString())

/** Null for a refusal: the person signs in again. */
const ask = async (
  { exchange, client }: Needs,
  parameters: Readonly<Record<string, string>>,
  { idempotency_key, source }: Attempt,
): Promise<TokenResponse | null> => {
  try {
    const { tokens } = await exchange({
      form: formOf(parameters),
      authorization: undefined,
      proof: undefined,
      limit_key: client.client_id,
      idempotency_key,
      source,
    })
    return tokens
  } catch (error) {
    if (error instanceof OAuthError) return null
    throw error
  }
}
