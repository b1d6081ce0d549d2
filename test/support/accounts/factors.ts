import { Secret, TOTP } from 'otpauth'
import { expect } from 'vitest'
import type { Signet } from '../../../src/compose/index.ts'
import { checked } from '../openapi.ts'
import type { Place } from './account-api.ts'
import { PASSWORD, startSignet } from './account-api.ts'
import type { createAuthenticator } from './authenticator.ts'

export const MFA = 'urn:signet:acr:mfa'
export const PWD = 'urn:signet:acr:pwd'

/** A clock that stands still until it is put forward: no code grows old between two lines of a test. */
export const createClock = () => {
  let now_milliseconds = Date.now()
  return {
    clock: () => new Date(now_milliseconds),
    advance: (seconds: number) => {
      now_milliseconds += seconds * 1000
    },
    /** To the database's time, by which tokens are issued. */
    reset: () => {
      now_milliseconds = Date.now()
    },
  }
}
export type TestClock = ReturnType<typeof createClock>

type Answer = Readonly<{ status: number; headers: Headers; body: Body; text: string }>

/** Every member that an answer here may have. */
export type Body = Readonly<{
  access_token: string
  refresh_token: string
  refresh_token_expires_in: number
  user: Readonly<{ id: string; roles: readonly string[] }>
  roles: readonly string[]
  code: string
  handle: string
  expires_in: number
  factors: readonly string[]
  errors: readonly Readonly<{ pointer: string; detail: string }>[]
  secret: string
  uri: string
  recovery_codes: readonly string[]
  totp: unknown
  passkeys: readonly Readonly<Record<string, unknown>>[]
  passkey: Parameters<Authenticator['get']>[0] &
    Parameters<Authenticator['create']>[0] &
    Readonly<Record<string, unknown>>
  acr_values_supported: readonly string[]
  active: boolean
}>
type Authenticator = ReturnType<typeof createAuthenticator>

export type Asking = Readonly<{
  method?: 'GET' | 'POST' | 'DELETE'
  body?: unknown
  token?: string
  headers?: Readonly<Record<string, string>>
}>

/** One request to one server, held against openapi.yaml. */
export const ask = async (signet: Signet, path: string, asking: Asking = {}): Promise<Answer> => {
  const { method = asking.body === undefined ? 'GET' : 'POST', body, token, headers = {} } = asking
  const text = body === undefined ? undefined : JSON.stringify(body)
  const request = new Request(`http://localhost:8080${path}`, {
    method,
    ...(text === undefined ? {} : { body: text }),
    headers: {
      ...(text === undefined
        ? {}
        : { 'Content-Type': 'application/json', 'Content-Length': String(text.length) }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    },
  })
  const response = await checked(signet.app)(request)
  const answer = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text: answer,
    body: JSON.parse(answer.startsWith('{') ? answer : '{}') as Body,
  }
}

/** The status, and the stable code of a refusal. */
export const outcomeOf = ({ status, body }: Answer): string =>
  body.code === undefined ? String(status) : `${status} ${body.code}`

export const claimsOf = (access_token: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

export const signUp = async (signet: Signet, email: string, more: object = {}): Promise<Body> => {
  const { status, body } = await ask(signet, '/auth/register', {
    body: { email, password: PASSWORD, ...more },
  })
  expect(status).toBe(201)
  return body
}

export const signIn = (signet: Signet, email: string, more: object = {}, headers: Asking['headers'] = {}) =>
  ask(signet, '/auth/login', { body: { email, password: PASSWORD, ...more }, headers })

/** The codes of an authenticator application that nobody here wrote. */
export const codesOf = (secret: string, { clock }: TestClock) => {
  const totp = new TOTP({ secret: Secret.fromBase32(secret) })
  return (steps = 0) => totp.generate({ timestamp: clock().getTime() + steps * 30_000 })
}

/** A request that shows the current refresh token of its own sign-in, as a fresh one may. */
export const asOwner = (
  { access_token, refresh_token }: Pick<Body, 'access_token' | 'refresh_token'>,
  method: 'POST' | 'DELETE' = 'POST',
) => ({ method, token: access_token, body: { refresh_token } })

/** Someone with a TOTP: the sign-in that enrolled it, its codes, and the recovery codes. The clock is a step further afterwards. */
export const withTotp = async (signet: Signet, time: TestClock, email: string, more: object = {}) => {
  const tokens = await signUp(signet, email, more)
  const begun = await ask(signet, '/auth/factors/totp', asOwner(tokens))
  expect(begun.status).toBe(200)
  const code = codesOf(begun.body.secret, time)
  const confirmed = await ask(signet, '/auth/factors/totp/confirm', {
    body: { handle: begun.body.handle, totp: code() },
    token: tokens.access_token,
  })
  expect(confirmed.status).toBe(201)
  time.advance(30)
  return { email, tokens, code, recovery_codes: confirmed.body.recovery_codes }
}
export type WithTotp = Awaited<ReturnType<typeof withTotp>>

/** Signs in with password and code; the clock is a step further afterwards. */
export const signInFully = async (
  signet: Signet,
  time: TestClock,
  { email, code }: WithTotp,
  more: object = {},
) => {
  const { body } = await signIn(signet, email, more)
  const answer = await second(signet, body.handle, { totp: code() })
  expect(answer.status).toBe(200)
  time.advance(30)
  return answer.body
}

export const second = (signet: Signet, handle: string, proof: object, headers: Asking['headers'] = {}) =>
  ask(signet, '/auth/login/second-factor', { body: { handle, ...proof }, headers })

export const stepUp = (signet: Signet, { access_token }: Pick<Body, 'access_token'>, body: object) =>
  ask(signet, '/auth/step-up', { body, token: access_token })

/** Both ways in which a sign-in could go on. */
export const lives = async (signet: Signet, { access_token, refresh_token }: Body) => [
  (await ask(signet, '/auth/me', { token: access_token })).status,
  (await ask(signet, '/auth/refresh', { body: { refresh_token } })).status,
]
export const ALIVE = [200, 200]
export const DEAD = [401, 401]

/** A server whose held attempts are not waited for: nothing here sleeps. */
export const start = (place: Place, time: TestClock, more: Readonly<Record<string, string>> = {}) =>
  startSignet(
    place,
    { RATE_LIMIT_SECOND_FACTOR: 'off', ...more },
    { clock: time.clock, wait: async () => {} },
  )
