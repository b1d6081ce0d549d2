import { describe, expect, it } from 'vitest'
import type { AuthorizationRequest } from '../../../src/domain/authorization/authorization-request.ts'
import {
  type AuthorizationStanding,
  type AuthorizationStep,
  afterSignIn,
  judgeStep,
  refusalWithoutPage,
} from '../../../src/domain/authorization/interaction.ts'
import { ACR } from '../../../src/domain/oauth/acr.ts'
import { FIRST_PARTY } from '../../../src/domain/oauth/client.ts'
import type { BrowserSession } from '../../../src/domain/sign-in/browser-session.ts'

const NOW = new Date('2026-11-29T12:00:00Z')
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000)
const secondsOf = (date: Date) => date.getTime() / 1000

const request: AuthorizationRequest = {
  client_id: 'app',
  redirect_uri: 'https://app.example/callback',
  isRedirectUriGiven: true,
  response_mode: 'query',
  state: null,
  scope: ['openid', 'notes:read'],
  audience: ['https://api.example'],
  isAudienceGiven: false,
  nonce: null,
  code_challenge: null,
  dpop_jkt: null,
  prompt: [],
  max_age: null,
  acr_values: null,
  login_hint: null,
  hinted_sub: null,
  ui_locales: null,
  pushed: null,
  isSigned: false,
  asked_at: secondsOf(ago(10)),
}
const session: BrowserSession = {
  id: 'session',
  account: {
    id: 'ada',
    email: 'ada@example.com',
    roles: [],
    credential_epoch: 0,
    device_epoch: 0,
    disabled_at: null,
    created_at: ago(1_000_000),
    email_verified_at: null,
    language: null,
  },
  auth_time: ago(3_600),
  amr: ['pwd'],
}
const consent = { version: 1, granted: ['openid', 'notes:read https://api.example'], declined: [] }
const client = { ...FIRST_PARTY, client_id: 'app', redirect_uris: [request.redirect_uri], first_party: false }
const standing: AuthorizationStanding = {
  request,
  client,
  session,
  consent,
  catalogue: new Map(),
  now: NOW,
}

const ISSUE = { step: 'issue', scope: request.scope } as const

const stepOf = (asked: Partial<AuthorizationRequest>, more: Partial<AuthorizationStanding> = {}) =>
  judgeStep({ ...standing, request: { ...request, ...asked }, ...more })

describe('OpenID Connect Core §3.1.2.3 – the next step of a request', () => {
  it('is the code, for a person who is signed in and has consented', () => {
    expect(stepOf({})).toEqual(ISSUE)
  })

  it('is the sign-in for a browser without a session', () => {
    expect(stepOf({}, { session: null })).toEqual({ step: 'sign_in', why: 'signed_out' })
  })

  it('is the sign-in when the hint means another person', () => {
    expect(stepOf({ hinted_sub: 'grace' })).toEqual({ step: 'sign_in', why: 'another_person_meant' })
    expect(stepOf({ hinted_sub: 'ada' })).toEqual(ISSUE)
  })

  it('is the sign-up for prompt=create, signed in or not', () => {
    expect(stepOf({ prompt: ['create'] })).toEqual({ step: 'sign_up' })
    expect(stepOf({ prompt: ['create'] }, { session: null })).toEqual({ step: 'sign_up' })
  })

  it('is the choice of an account for prompt=select_account', () => {
    expect(stepOf({ prompt: ['select_account'] })).toEqual({ step: 'select_account' })
  })
})

describe('OpenID Connect Core §3.1.2.1 – prompt=login and max_age', () => {
  it('ask for a sign-in that is younger than the request', () => {
    const younger = { ...session, auth_time: new Date((request.asked_at + 1) * 1000) }
    expect(stepOf({ prompt: ['login'] })).toEqual({ step: 'sign_in', why: 'not_recent' })
    expect(stepOf({ prompt: ['login'] }, { session: younger })).toEqual(ISSUE)
    expect(stepOf({ max_age: 0 }, { session: younger })).toEqual(ISSUE)
    const asOld = { ...session, auth_time: new Date(request.asked_at * 1000) }
    expect(stepOf({ prompt: ['login'] }, { session: asOld })).toEqual({ step: 'sign_in', why: 'not_recent' })
    const present = { ...session, auth_time: NOW }
    expect(stepOf({ max_age: 0, asked_at: secondsOf(NOW) }, { session: present })).toMatchObject({
      why: 'not_recent',
    })
    expect(stepOf(afterSignIn({ ...request, prompt: ['login'] }, asOld), { session: asOld })).toEqual(ISSUE)
  })

  it('takes a sign-in up to the second of max_age', () => {
    expect(stepOf({ max_age: 3_600 })).toEqual(ISSUE)
    expect(stepOf({ max_age: 3_599 })).toEqual({ step: 'sign_in', why: 'not_recent' })
  })
})

describe('RFC 9470 §5 – acr_values', () => {
  it('asks for a second factor only where the sign-in had none', () => {
    expect(stepOf({ acr_values: [ACR.mfa] })).toEqual({ step: 'second_factor' })
    expect(stepOf({ acr_values: [ACR.mfa, ACR.pwd] })).toEqual(ISSUE)
    const strong = { ...session, amr: ['pwd', 'otp', 'mfa'] }
    expect(stepOf({ acr_values: [ACR.mfa] }, { session: strong })).toEqual(ISSUE)
  })
})

/** What a step asks for, and what it shows as granted before. */
const askedBy = (step: AuthorizationStep) => {
  const scopes = step.step === 'consent' ? step.scopes : []
  const namesOf = (isGranted: boolean) =>
    scopes.filter(({ isGrantedBefore }) => isGrantedBefore === isGranted).map(({ scope }) => scope)
  return { step: step.step, asked: namesOf(false), granted: namesOf(true) }
}

describe('OpenID Connect Core §3.1.2.4 – consent', () => {
  it('asks for what is new alone', () => {
    const some = { version: 1, granted: ['openid'], declined: [] }
    const asked = { step: 'consent', asked: ['notes:read'], granted: ['openid'] }
    expect(askedBy(stepOf({}, { consent: some }))).toEqual(asked)
    expect(askedBy(stepOf({}, { consent: null }))).toMatchObject({
      asked: ['openid', 'notes:read'],
      granted: [],
    })
  })

  it('holds for one resource and not for another, but for what is about the person', () => {
    const other = { audience: ['https://other.example'] }
    expect(askedBy(stepOf(other))).toEqual({ step: 'consent', asked: ['notes:read'], granted: ['openid'] })
  })

  it('is not asked of a first-party client, unless the request wants it', () => {
    const own = { client: { ...client, first_party: true }, consent: null }
    expect(stepOf({}, own)).toEqual(ISSUE)
    expect(stepOf({ prompt: ['consent'] }, own)).toMatchObject({ step: 'consent' })
  })

  it.each(['http://127.0.0.1:8080/callback', 'cursor://callback'])(
    'is asked every time of a public client at %s',
    redirect_uri => {
      expect(askedBy(stepOf({ redirect_uri }))).toMatchObject({ step: 'consent', asked: [] })
      const confidential = {
        client: { ...client, token_endpoint_auth_method: 'client_secret_basic' },
      } as const
      expect(stepOf({ redirect_uri }, confidential)).toEqual(ISSUE)
    },
  )
})

describe('an optional scope', () => {
  const entry = { title: null, description: null, isOptional: true, isTicked: true }
  const catalogue = new Map([['notes:read', entry]])
  const pair = 'notes:read https://api.example'
  const declined = { version: 1, granted: ['openid'], declined: [pair] }
  const boxOf = (step: AuthorizationStep) =>
    step.step === 'consent' ? step.scopes.find(({ scope }) => scope === 'notes:read')?.isTicked : step

  it('has a box, ticked unless the file says otherwise', () => {
    expect(boxOf(stepOf({}, { consent: null, catalogue }))).toBe(true)
    const unticked = new Map([['notes:read', { ...entry, isTicked: false }]])
    expect(boxOf(stepOf({}, { consent: null, catalogue: unticked }))).toBe(false)
    expect(boxOf(stepOf({}, { consent: null }))).toBeNull()
  })

  it('that was left out is not asked for again, and not granted', () => {
    expect(stepOf({}, { consent: declined, catalogue })).toEqual({ step: 'issue', scope: ['openid'] })
    expect(stepOf({ prompt: ['none'] }, { consent: declined, catalogue })).toMatchObject({ step: 'issue' })
    const own = { ...client, first_party: true }
    expect(stepOf({}, { client: own, consent: declined, catalogue })).toMatchObject({ scope: ['openid'] })
  })

  it('that was left out is on a page that is shown for something else, with the choice of before', () => {
    const more = { scope: ['openid', 'email', 'notes:read'] }
    expect(boxOf(stepOf(more, { consent: declined, catalogue }))).toBe(false)
    expect(boxOf(stepOf({ prompt: ['consent'] }, { consent: declined, catalogue }))).toBe(false)
    expect(boxOf(stepOf({ prompt: ['consent'] }, { consent, catalogue }))).toBe(true)
  })

  it('is asked for again where nothing else is left, for another resource, or when it is optional no more', () => {
    expect(stepOf({ scope: ['notes:read'] }, { consent: declined, catalogue })).toMatchObject({
      step: 'consent',
    })
    const other = { audience: ['https://other.example'] }
    expect(boxOf(stepOf(other, { consent: declined, catalogue }))).toBe(true)
    expect(boxOf(stepOf({}, { consent: declined }))).toBeNull()
  })

  it('that was granted before has no box where only something else is new', () => {
    const more = { scope: ['openid', 'email', 'notes:read'] }
    expect(boxOf(stepOf(more, { consent, catalogue }))).toBeNull()
  })

  it('that stands in both lists is granted: a server of the version before writes one of them', () => {
    const both = { ...consent, declined: [pair] }
    expect(stepOf({}, { consent: both, catalogue })).toEqual(ISSUE)
  })
})

describe('OpenID Connect Core §3.1.2.6 – prompt=none', () => {
  it('answers with what would have been asked for', () => {
    expect(refusalWithoutPage(ISSUE)).toBeNull()
    expect(refusalWithoutPage({ step: 'sign_in', why: 'signed_out' })).toBe('login_required')
    expect(refusalWithoutPage({ step: 'select_account' })).toBe('account_selection_required')
    expect(refusalWithoutPage({ step: 'second_factor' })).toBe('interaction_required')
    expect(refusalWithoutPage({ step: 'consent', scopes: [] })).toBe('consent_required')
  })
})
