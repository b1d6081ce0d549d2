import type { Auth, Tokens, User } from './auth.ts'
import { AuthError, asAuthError } from './auth-error.ts'
import { createCookieTurns } from './cookie-turns.ts'
import { randomText, readClaims } from './encoding.ts'
import { absentOr, isIssuerOrigin, isText, type OptionRule, requireOptions } from './options.ts'
import { asText, isObject, type JsonObject, sendPost } from './request.ts'
import { createSession } from './session.ts'
import { openPageStore, type PageStore } from './store.ts'

export type AccountOptions = Readonly<{
  /** The address of Signet. Its `CORS_ORIGINS`, or the client's redirect URIs, name this page's origin. */
  issuer: string
  /** A client registered `first_party`; default Signet's own. */
  client_id?: string
  /** The API that the access tokens are for (RFC 8707); default the client's first audience. */
  resource?: string
}>

const OPTIONS: Readonly<Record<keyof AccountOptions, OptionRule>> = {
  issuer: isIssuerOrigin,
  client_id: absentOr(isText),
  resource: absentOr(isText),
}

export type EmailAndPassword = Readonly<{ email: string; password: string }>

/** One proof of the second factor. */
export type SecondFactor = Readonly<{ totp: string } | { recovery_code: string } | { passkey: unknown }>

/** Null: signed in. Else the factors that the person can prove, one of which goes to `proveFactor`. */
export type FactorNeeded = Readonly<{ handle: string; problem: JsonObject }> | null

export type AccountAuth = Auth &
  Readonly<{
    /** Throws AuthError `refused` with the `reason` of the server, and `fields` for wrong fields. */
    signIn(credentials: EmailAndPassword): Promise<FactorNeeded>
    proveFactor(needed: NonNullable<FactorNeeded>, proof: SecondFactor): Promise<void>
    signUp(credentials: EmailAndPassword): Promise<void>
    /** Ends the sign-in in every tab and at the server; `everywhere` ends all sign-ins of the person. Throws AuthError where the server did not hear of it. */
    signOut(options?: Readonly<{ everywhere?: boolean }>): Promise<void>
  }>

/**
 * Signs people in on the application's own pages, by the account API: the refresh token stays in a cookie that no script can read. Throws a
 * TypeError for a malformed option.
 */
export const createAccountAuth = (options: AccountOptions): AccountAuth => {
  requireOptions('createAccountAuth', options, OPTIONS)
  const { issuer, client_id, resource } = options
  const name = `signet ${issuer} ${client_id ?? ''} ${resource ?? ''} account`
  const kept = openPageStore(() => localStorage, name)
  const inTurn = createCookieTurns(issuer)
  const session = createSession({
    name,
    renew: () => inTurn('shared', () => renew(options, kept)),
    forget: () => kept.write(null),
  })
  const accept = (answer: JsonObject) => {
    const tokens = readTokens(answer, null)
    kept.write({ user: tokens.user })
    session.signIn(tokens)
  }
  const ask = (path: string, body: JsonObject) =>
    sendPost({ url: `${issuer}${path}`, body, credentials: 'include' })
  const enter = (path: string, body: JsonObject) =>
    inTurn('exclusive', async () => accept(await ask(path, body)))
  const about = { ...(client_id ? { client_id } : {}), ...(resource ? { resource } : {}) }
  const transport = { refresh_transport: 'cookie', ...about }
  if (typeof window !== 'undefined') void session.comeBack()
  return {
    ...session.auth,
    signIn: async ({ email, password }) => {
      try {
        await enter('/auth/login', { email, password, ...transport })
        return null
      } catch (error) {
        const { reason, problem } = asAuthError(error)
        const handle = asText(problem['handle'])
        if (reason === 'AUTH_SECOND_FACTOR_REQUIRED' && handle !== undefined) return { handle, problem }
        throw error
      }
    },
    proveFactor: ({ handle }, proof) => enter('/auth/login/second-factor', { handle, ...proof }),
    signUp: ({ email, password }) => enter('/auth/register', { email, password, ...transport }),
    signOut: async ({ everywhere = false } = {}) => {
      kept.write(null)
      session.signOut()
      await inTurn('exclusive', async () => {
        // A renewal that was under way may have kept the person again.
        kept.write(null)
        await ask('/auth/logout', { everywhere })
      })
    },
  }
}

/**
 * The tokens that follow. One Idempotency-Key an attempt, kept for all tabs until its answer has come: tabs that renew at once, and a retry
 * after a lost answer, are one attempt to the server.
 */
const renew = async ({ issuer, resource }: AccountOptions, kept: PageStore): Promise<Tokens | null> => {
  const before = kept.read()
  const attempt = asText(before?.['attempt']) ?? randomText()
  kept.write({ ...before, attempt })
  const body = resource ? { resource } : {}
  const url = `${issuer}/auth/refresh`
  try {
    const answer = await sendPost({ url, body, idempotency_key: attempt, credentials: 'include' })
    const tokens = readTokens(answer, before?.['user'])
    kept.write({ user: tokens.user })
    return tokens
  } catch (error) {
    const refused = asAuthError(error)
    if (refused.status !== 401 || !refused.reason?.startsWith('AUTH_')) throw refused
    kept.write(null)
    if (before?.['user'] === undefined) return null
    throw new AuthError('signed_out', 'The sign-in has ended.', { reason: refused.reason, cause: refused })
  }
}

const readTokens = (answer: JsonObject, known: unknown): Tokens => {
  const { access_token, expires_in, user } = answer
  if (typeof access_token !== 'string' || typeof expires_in !== 'number')
    throw new AuthError('server', 'The answer of the server has no tokens.')
  return { access_token, expires_in, user: userOf(user ?? known, access_token) }
}

/** RFC 9068 §2.2 – The account that came with the sign-in, else the `sub` of the access token. */
const userOf = (account: unknown, access_token: string): User => {
  const claims = readClaims(access_token)
  const sub = isObject(claims) ? (asText(claims['sub']) ?? '') : ''
  return isObject(account) && (account['id'] === sub || account['sub'] === sub)
    ? { ...account, sub }
    : { sub }
}
