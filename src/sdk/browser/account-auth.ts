import type { Auth, Tokens, User } from './auth.ts'
import { AuthError, asAuthError } from './auth-error.ts'
import { randomText, readClaims } from './encoding.ts'
import { absentOr, isIssuerOrigin, isText, type OptionRule, requireOptions } from './options.ts'
import { asText, isObject, type JsonObject, sendPost } from './request.ts'
import { createSession } from './session.ts'
import { openPageStore, type PageStore } from './store.ts'
import { underLock } from './tab-lock.ts'

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
    /**
     * Ends the sign-in in every tab and at the server, also when the page closes at once; `everywhere` ends all sign-ins of the person. Throws
     * AuthError where the server has not answered yet: the next page of the application, or the next call, tells it again.
     */
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
  /**
   * Ours (docs/decisions/0030) – The requests whose answers set the cookie, in all tabs of an origin. A browser keeps the cookie of the answer
   * that comes last: a sign-in therefore waits for the answers to renewals and sign-outs, which run beside each other.
   */
  const inTurn = <T>(mode: LockMode, work: () => Promise<T>) =>
    underLock(`signet ${issuer} cookie`, mode, work)
  const session = createSession({ name, renew: () => inTurn('shared', () => renew(options, kept)) })
  const accept = (answer: JsonObject) => {
    const tokens = readTokens(answer, null)
    kept.write({ user: tokens.user })
    session.signIn(tokens)
  }
  const enter = (path: string, body: JsonObject) =>
    inTurn('exclusive', async () => {
      await leaveFirst(issuer, kept)
      accept(await sendPost({ url: issuer + path, body, credentials: 'include' }))
    })
  const transport = { refresh_transport: 'cookie', client_id, resource }
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
      kept.write({ leaving: { everywhere } })
      session.signOut()
      const left = leave(issuer, kept, everywhere)
      void inTurn('shared', () => left).catch(() => {})
      return left
    },
  }
}

/**
 * Sends a sign-out, at once and also when the page closes meanwhile. That the person is leaving stays kept until the server has answered, so
 * that the next page can send it again. A renewal that is answered later brings back the cookie of a sign-in that has ended.
 */
const leave = async (issuer: string, kept: PageStore, everywhere: boolean): Promise<void> => {
  const sent = { url: `${issuer}/auth/logout`, credentials: 'include', keepalive: true } as const
  // Without a body, the browser sends no preflight before.
  const answer = await sendPost(everywhere ? { ...sent, body: { everywhere } } : sent).catch(asAuthError)
  const refused = answer instanceof AuthError ? answer : null
  const isOver = refused === null || isEnded(refused)
  if (isOver && kept.read()?.['leaving']) kept.write(null)
  if (refused !== null && (everywhere || !isOver)) throw refused
}

/** Sends a sign-out again that the server may not have heard of. */
const leaveFirst = async (issuer: string, kept: PageStore): Promise<boolean> => {
  const leaving = kept.read()?.['leaving']
  if (!isObject(leaving)) return false
  await leave(issuer, kept, leaving['everywhere'] === true).catch(() => {})
  return true
}

/**
 * The tokens that follow. One Idempotency-Key an attempt, kept for all tabs until its answer has come: tabs that renew at once, and a retry
 * after a lost answer, are one attempt to the server.
 */
const renew = async ({ issuer, resource }: AccountOptions, kept: PageStore): Promise<Tokens | null> => {
  if (await leaveFirst(issuer, kept)) return null
  const before = kept.read()
  const attempt = asText(before?.['attempt']) ?? randomText()
  kept.write({ ...before, attempt })
  /** False where a tab has renewed, signed in or signed out meanwhile. */
  const isLatest = () => kept.read()?.['attempt'] === attempt
  const sent = { url: `${issuer}/auth/refresh`, body: { resource }, credentials: 'include' } as const
  try {
    const answer = await sendPost({ ...sent, idempotency_key: attempt })
    const tokens = readTokens(answer, before?.['user'])
    if (isLatest()) kept.write({ user: tokens.user })
    return kept.read()?.['user'] ? tokens : null
  } catch (error) {
    const refused = asAuthError(error)
    if (!isEnded(refused)) throw refused
    if (isLatest()) kept.write(null)
    if (before?.['user'] === undefined) return null
    throw new AuthError('signed_out', 'The sign-in has ended.', { reason: refused.reason, cause: refused })
  }
}

/** Signet's own 401 at a refresh and a sign-out. One without such a code is from a proxy before it, and says nothing of the sign-in. */
const isEnded = ({ reason }: AuthError) => reason?.startsWith('AUTH_')

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
