import { Secret, TOTP } from 'otpauth'
import { expect } from 'vitest'
import { type Body } from '../answer.ts'
import type { Askable, Asking } from '../ask.ts'
import type { Deployment, Instance } from '../deployment.ts'
import type { TestClock } from '../effects.ts'
import { signUp, trySignIn } from './account-api.ts'

export const MFA = 'urn:signet:acr:mfa'
export const PWD = 'urn:signet:acr:pwd'

/** The codes of an independent TOTP implementation. */
export const codesOf = (secret: string, { clock }: TestClock) => {
  const totp = new TOTP({ secret: Secret.fromBase32(secret) })
  return (steps = 0) => totp.generate({ timestamp: clock().getTime() + steps * 30_000 })
}

/** A request of a fresh sign-in that proves itself by its current refresh token. */
export const asOwner = (
  { access_token, refresh_token }: Pick<Body, 'access_token' | 'refresh_token'>,
  method: 'POST' | 'DELETE' = 'POST',
) => ({ method, token: access_token, body: { refresh_token } })

/** Registers an account with a TOTP. Returns the sign-in that enrolled it, its codes and its recovery codes, and moves the clock to the next time step. */
export const withTotp = async (signet: Instance, time: TestClock, email: string, more: object = {}) => {
  const tokens = await signUp(signet, email, more)
  const begun = await signet.ask('/auth/factors/totp', asOwner(tokens))
  expect(begun.status).toBe(200)
  const code = codesOf(begun.body.secret, time)
  const confirmed = await signet.ask('/auth/factors/totp/confirm', {
    body: { handle: begun.body.handle, totp: code() },
    token: tokens.access_token,
  })
  expect(confirmed.status).toBe(201)
  time.advance(30)
  return { email, tokens, code, recovery_codes: confirmed.body.recovery_codes }
}
export type WithTotp = Awaited<ReturnType<typeof withTotp>>

/** Signs in with password and code, and moves the clock to the next time step. */
export const signInFully = async (
  signet: Instance,
  time: TestClock,
  { email, code }: WithTotp,
  more: object = {},
) => {
  const { body } = await trySignIn(signet, email, more)
  const answer = await second(signet, body.handle, { totp: code() })
  expect(answer.status).toBe(200)
  time.advance(30)
  return answer.body
}

export const second = (signet: Askable, handle: string, proof: object, headers: Asking['headers'] = {}) =>
  signet.ask('/auth/login/second-factor', { body: { handle, ...proof }, headers })

export const stepUp = (signet: Instance, { access_token }: Pick<Body, 'access_token'>, body: object) =>
  signet.ask('/auth/step-up', { body, token: access_token })

/** An instance with that clock and without a limit of second factors, unless the test sets one. */
export const start = (
  deployment: Deployment,
  { clock }: TestClock,
  more: Readonly<Record<string, string>> = {},
): Promise<Instance> => deployment.start({ environment: { RATE_LIMIT_SECOND_FACTOR: 'off', ...more }, clock })
