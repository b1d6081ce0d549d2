import { expect } from 'vitest'
import type { Answer, Body } from '../answer.ts'
import { type Askable, type Asking, PASSWORD } from '../ask.ts'

type Headers = Asking['headers']

/** The tokens of a sign-in. */
export type Tokens = Pick<Body, 'access_token' | 'refresh_token'>

/** Registers an account. Must succeed. */
export const signUp = async (server: Askable, email: string, more: object = {}, headers: Headers = {}) => {
  const answer = await trySignUp(server, email, more, headers)
  expect(outcomeOf(answer)).toBe('201')
  return answer.body
}

/** Signs in without a second factor. Must succeed. */
export const signIn = async (server: Askable, email: string, more: object = {}, headers: Headers = {}) => {
  const answer = await trySignIn(server, email, more, headers)
  expect(outcomeOf(answer)).toBe('200')
  return answer.body
}

export const trySignUp = (server: Askable, email: string, more: object = {}, headers: Headers = {}) =>
  server.ask('/auth/register', { body: { email, password: PASSWORD, ...more }, headers })

export const trySignIn = (server: Askable, email: string, more: object = {}, headers: Headers = {}) =>
  server.ask('/auth/login', { body: { email, password: PASSWORD, ...more }, headers })

/** `POST /auth/refresh` with the token in the body. */
export const refreshTokens = (
  server: Askable,
  { refresh_token }: Pick<Body, 'refresh_token'>,
  more: object = {},
): Promise<Answer> => server.ask('/auth/refresh', { body: { refresh_token, ...more } })

/** The status, and the stable code of a refusal. */
export const outcomeOf = ({ status, body }: Answer): string =>
  body.code === undefined ? String(status) : `${status} ${body.code}`

export const claimsOf = (token: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

export const sidOf = ({ access_token }: Pick<Tokens, 'access_token'>): string =>
  String(claimsOf(access_token)['sid'])

/** The statuses of both uses of a sign-in: its access token at GET /auth/me, and its refresh token, which is spent. */
export const lives = async (server: Askable, tokens: Tokens) => [
  (await server.ask('/auth/me', { token: tokens.access_token })).status,
  (await refreshTokens(server, tokens)).status,
]
export const ALIVE = [200, 200]
export const DEAD = [401, 401]
