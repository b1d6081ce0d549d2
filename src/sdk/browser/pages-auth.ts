import type { Auth, PagesOptions } from './auth.ts'
import { authorizationUrl, complete, hasAnswer, type SignInOptions, takeAddress } from './code-flow.ts'
import { randomText } from './encoding.ts'
import { readKept, renewKept } from './kept-tokens.ts'
import { absentOr, isAddress, isIssuerOrigin, isText, type OptionRule, requireOptions } from './options.ts'
import { isObject, parametersOf, sendPost } from './request.ts'
import { createSession } from './session.ts'
import { openPageStore } from './store.ts'

export type PagesAuth = Auth &
  Readonly<{
    /** Goes to Signet's sign-in. After a sign-out in this or another tab it asks for the password (`prompt=login`). */
    signIn(options?: SignInOptions): Promise<void>
    /**
     * RFC 6749 §4.1.2 – Finishes the sign-in on the page of `redirect_uri`, once: a second call gets the same promise. Resolves with the path
     * to go back to. Throws AuthError: `callback` where this tab has not begun it, `refused` with the `reason` where the person or the
     * server refused.
     */
    completeSignIn(): Promise<string>
    /** Ends the sign-in in every tab and at the server, and goes to Signet's sign-out, which ends the browser session there. */
    signOut(): Promise<void>
  }>

const SCOPE = 'openid profile email offline_access'

const OPTIONS: Readonly<Record<keyof PagesOptions, OptionRule>> = {
  issuer: isIssuerOrigin,
  client_id: isText,
  redirect_uri: isAddress,
  scope: absentOr(value => isText(value) && value.split(' ').includes('openid')),
  resource: absentOr(isText),
  post_logout_redirect_uri: absentOr(isAddress),
  storage: absentOr(value => isObject(value) && 'setItem' in value),
}

/** RFC 7636, RFC 10017 – Signs people in on Signet's pages, by authorization code with PKCE. Throws a TypeError for a malformed option. */
export const createPagesAuth = (options: PagesOptions): PagesAuth => {
  requireOptions('createPagesAuth', options, OPTIONS)
  const { issuer, client_id, scope = SCOPE } = options
  const name = `signet ${issuer} ${client_id} ${options.resource ?? ''}`
  const kept = openPageStore(() => options.storage ?? localStorage, name)
  const begun = openPageStore(() => sessionStorage, `${name} request`)
  /** True on the page of `redirect_uri`, until its address has been read. */
  let isAnswered = typeof window !== 'undefined' && hasAnswer(options)
  const session = createSession({
    name,
    renew: async () => {
      if (!isAnswered) return renewKept(options, kept)
      isAnswered = false
      // `completeSignIn` reports a failure; an earlier sign-in of this browser then goes on.
      const isCompleted = await completeOnce().then(
        () => true,
        () => false,
      )
      return isCompleted ? null : renewKept(options, kept)
    },
  })
  let completed: Promise<string> | null = null
  const completeOnce = () => {
    completed ??= complete(options, { kept, begun, address: takeAddress() }).then(({ tokens, return_to }) => {
      session.signIn(tokens)
      return return_to
    })
    return completed
  }
  if (typeof window !== 'undefined') void session.comeBack()
  /** True after a sign-out by this tab or another one. The session at Signet may outlive it by a moment, and would sign in again unasked. */
  let isSignedOut = false
  let before = session.auth.state()
  session.auth.subscribe(() => {
    const now = session.auth.state()
    isSignedOut =
      now.status === 'signed-out' && now.error === null && (isSignedOut || before.status === 'signed-in')
    before = now
  })
  return {
    ...session.auth,
    signIn: async ({ return_to = hereOf(), parameters = {} } = {}) => {
      const request = { state: randomText(), nonce: randomText(), code_verifier: randomText(), return_to }
      begun.write(request)
      const asked = isSignedOut ? { prompt: 'login', ...parameters } : parameters
      location.assign(await authorizationUrl({ ...options, scope }, request, asked))
    },
    completeSignIn: completeOnce,
    signOut: async () => {
      const { refresh_token, id_token } = readKept(kept) ?? {}
      kept.write(null)
      session.signOut()
      const body = new URLSearchParams({ client_id, token: refresh_token ?? '' })
      if (refresh_token) await sendPost({ url: `${issuer}/revoke`, body, keepalive: true }).catch(() => {})
      const { post_logout_redirect_uri } = options
      const query = { client_id, id_token_hint: id_token, post_logout_redirect_uri }
      location.assign(`${issuer}/logout?${parametersOf(query)}`)
    },
  }
}

const hereOf = () => location.pathname + location.search + location.hash
