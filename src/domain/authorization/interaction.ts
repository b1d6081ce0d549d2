import { ACR, acrOf } from '../oauth/acr.ts'
import type { Client, DocumentPart } from '../oauth/client.ts'
import type { Reason } from '../oauth/oauth-error.ts'
import { isLoopbackOrPrivateUse } from '../oauth/redirect-uri.ts'
import type { BrowserSession } from '../sign-in/browser-session.ts'
import type { AuthorizationRequest, Prompt } from './authorization-request.ts'
import {
  type Consent,
  changesSince,
  consentToUnchanged,
  type ScopeAsked,
  scopesToShow,
  standingsOf,
} from './consent.ts'
import type { ScopeCatalogue } from './scope-catalogue.ts'

/** What is known when the next step is judged. */
export type AuthorizationStanding = Readonly<{
  request: AuthorizationRequest
  client: Client
  /** Null: the browser is not signed in. */
  session: BrowserSession | null
  /** What the session's person has granted to the client; null where nothing was granted. */
  consent: Consent | null
  catalogue: ScopeCatalogue
  now: Date
}>

/** What a person is asked for next, or nothing: then the code is issued. */
export type AuthorizationStep =
  | Readonly<{ step: 'sign_up' | 'select_account' }>
  | Readonly<{ step: 'second_factor' }>
  /** `scope`: what the person allows, without what they have left out before. */
  | Readonly<{ step: 'issue'; scope: readonly string[] }>
  | Readonly<{ step: 'sign_in'; why: 'signed_out' | 'another_person_meant' | 'not_recent' }>
  /** `changes`: in the client since the person allowed something to it; absent where there are none. */
  | Readonly<{
      step: 'consent'
      scopes: readonly ScopeAsked[]
      changes?: readonly DocumentPart[] | undefined
    }>

/** OpenID Connect Core §3.1.2.3, §3.1.2.4 – The next step of an authorization request. Pure: every step leads back here. */
export const judgeStep = (standing: AuthorizationStanding): AuthorizationStep => {
  const { request, session } = standing
  if (request.prompt.includes('create')) return { step: 'sign_up' }
  if (session === null) return { step: 'sign_in', why: 'signed_out' }
  if (!isOfHint(request, session)) return { step: 'sign_in', why: 'another_person_meant' }
  if (request.prompt.includes('select_account')) return { step: 'select_account' }
  if (!isRecent(standing, session)) return { step: 'sign_in', why: 'not_recent' }
  if (!isStrong(request, session)) return { step: 'second_factor' }
  return consentStep(standing)
}

/** OpenID Connect Core §3.1.2.6 – The error for a client that wants no page to be shown: what would have been asked for. */
export const refusalWithoutPage = ({ step }: AuthorizationStep): Reason | null => {
  switch (step) {
    case 'issue':
      return null
    case 'sign_up':
    case 'sign_in':
      return 'login_required'
    case 'select_account':
      return 'account_selection_required'
    case 'second_factor':
      return 'interaction_required'
    case 'consent':
      return 'consent_required'
  }
}

/** The request once a person has done what a prompt asks for: the next step is judged without it. */
export const withoutPrompt = (
  request: AuthorizationRequest,
  ...done: readonly Prompt[]
): AuthorizationRequest => ({
  ...request,
  prompt: request.prompt.filter(each => !done.includes(each)),
})

/**
 * OpenID Connect Core §3.1.2.1 – The request once a person has signed in for it. The sign-in counts as younger than the request, although
 * the two times are of two clocks: the request's is of this process, the sign-in's of the database.
 */
export const afterSignIn = (
  request: AuthorizationRequest,
  { auth_time }: Pick<BrowserSession, 'auth_time'>,
): AuthorizationRequest => ({
  ...withoutPrompt(request, 'select_account', 'create'),
  asked_at: Math.min(request.asked_at, Math.floor(auth_time.getTime() / 1000) - 1),
})

/**
 * The request of a person who wants to sign in as another one: no sign-in so far will do, also one for this very request. The client's own
 * `prompt=login` is kept as `max_age=0`, which means the same.
 */
export const asAnotherPerson = (request: AuthorizationRequest): AuthorizationRequest => ({
  ...request,
  prompt: [...request.prompt.filter(each => each !== 'select_account' && each !== 'login'), 'login'],
  // Not null: the person is not offered the address that they are signed in with.
  login_hint: '',
  max_age: isAskedAnew(request) ? 0 : request.max_age,
  asked_at: Number.MAX_SAFE_INTEGER,
})

/** Whether the client wants a new sign-in: `login` in the prompt of a person who wants to be another one is not the client's. */
const isAskedAnew = ({ prompt, asked_at }: AuthorizationRequest): boolean =>
  prompt.includes('login') && asked_at !== Number.MAX_SAFE_INTEGER

/** OpenID Connect Core §3.1.2.1 – Seconds that the client lets a sign-in be old when the person comes with it; null: as old as it may be. */
export const maxAgeAsked = (request: AuthorizationRequest): number | null =>
  isAskedAnew(request) ? 0 : request.max_age

/** OpenID Connect Core §3.1.2.1 – `id_token_hint`: the person that the client means. */
const isOfHint = ({ hinted_sub }: AuthorizationRequest, { account }: BrowserSession): boolean =>
  hinted_sub === null || hinted_sub === account.id

/**
 * OpenID Connect Core §3.1.2.1 – `prompt=login` and `max_age`. A sign-in that is younger than the request satisfies both, also `max_age=0`,
 * which means the same as `prompt=login`: otherwise a person who takes time for the next page would be asked again and again.
 */
const isRecent = ({ request, now }: AuthorizationStanding, { auth_time }: BrowserSession): boolean => {
  const { prompt, max_age, asked_at } = request
  const signedInAt = Math.floor(auth_time.getTime() / 1000)
  if (signedInAt > asked_at) return true
  if (prompt.includes('login') || max_age === 0) return false
  return max_age === null || Math.floor(now.getTime() / 1000) - signedInAt <= max_age
}

/** RFC 9470 §5 – Whether the sign-in has one of the classes that were asked for. */
const isStrong = ({ acr_values }: AuthorizationRequest, { amr }: BrowserSession): boolean => {
  if (acr_values === null || acr_values.includes(ACR.pwd)) return true
  const acr = acrOf(amr)
  return acr !== null && acr_values.includes(acr)
}

/**
 * OpenID Connect Core §3.1.2.4, RFC 6749 §10.2 – Only what is new is asked for. A client that any program could pose as is asked for every
 * time: RFC 8252 §8.6. First-party clients are not asked, unless the request wants it. What the person has left out before is not asked
 * for again, unless nothing else is left.
 */
const consentStep = ({ request, client, consent, catalogue }: AuthorizationStanding): AuthorizationStep => {
  const asked = { scope: request.scope, resources: request.audience }
  const standings = standingsOf(asked, { consent: consentToUnchanged(consent, client), catalogue })
  const kept = standings.filter(({ standing }) => standing !== 'declined')
  const isImitable =
    client.token_endpoint_auth_method === 'none' && isLoopbackOrPrivateUse(request.redirect_uri)
  const isAskedAgain = request.prompt.includes('consent') || (isImitable && !client.first_party)
  const isNew = !client.first_party && kept.some(({ standing }) => standing === 'new')
  if (!isAskedAgain && !isNew && kept.length > 0)
    return { step: 'issue', scope: kept.map(({ scope }) => scope) }
  return {
    step: 'consent',
    scopes: scopesToShow(standings, { catalogue, isAskedAgain }),
    changes: changesSince(consent, client),
  }
}
