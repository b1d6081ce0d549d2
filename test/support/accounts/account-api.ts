import { expect } from 'vitest'
import { type Answer, type Body, toAnswer } from '../answer.ts'
import { askApp } from '../bindings.ts'
import { PASSWORD } from '../ask.ts'
import { type Instance, ISSUER } from '../deployment.ts'

type Headers = Readonly<Record<string, string>>

/** Sends JSON as a first-party application would. Not held against openapi.yaml: see `ask` for that. */
export const send = async (
  { app }: Instance,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
  headers: Headers = {},
): Promise<Response> =>
  askApp(app, path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: {
      ...(body === undefined
        ? {}
        : {
            'Content-Type': 'application/json',
            'Content-Length': String(Buffer.byteLength(JSON.stringify(body))),
          }),
      ...headers,
    },
  })

export type Tokens = Readonly<{ access_token: string; refresh_token: string; user: { id: string } }>

/** A new account's e-mail, its tokens and its bearer header. */
export const register = async (signet: Instance, email: string, more: object = {}, headers: Headers = {}) => {
  const response = await send(
    signet,
    'POST',
    '/auth/register',
    { email, password: PASSWORD, ...more },
    headers,
  )
  if (response.status !== 201)
    throw new Error(`register answered ${response.status}: ${await response.text()}`)
  const tokens = (await response.json()) as Tokens
  return { response, tokens, bearer: bearerOf(tokens) }
}

export const login = async (signet: Instance, email: string, more: object = {}, headers: Headers = {}) => {
  const response = await send(signet, 'POST', '/auth/login', { email, password: PASSWORD, ...more }, headers)
  if (response.status !== 200) throw new Error(`login answered ${response.status}: ${await response.text()}`)
  const tokens = (await response.json()) as Tokens
  return { response, tokens, bearer: bearerOf(tokens) }
}

export const bearerOf = ({ access_token }: Pick<Tokens, 'access_token'>): Headers => ({
  Authorization: `Bearer ${access_token}`,
})

/** The status of a request, and the stable code of its refusal. */
export const outcome = async (pending: Promise<Response> | Response) => {
  const response = await pending
  const text = await response.text()
  const code = text.startsWith('{') ? (JSON.parse(text) as { code?: string }).code : undefined
  return code === undefined ? `${response.status}` : `${response.status} ${code}`
}

export const claimsOf = (token: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

export const sidOf = ({ access_token }: Pick<Tokens, 'access_token'>): string =>
  String(claimsOf(access_token)['sid'])

export type Asking = Readonly<{
  method?: 'GET' | 'POST' | 'DELETE'
  body?: unknown
  token?: string
  headers?: Readonly<Record<string, string>>
}>

/** One request to one server, held against openapi.yaml. */
export const ask = async (signet: Instance, path: string, asking: Asking = {}): Promise<Answer> => {
  const { method = asking.body === undefined ? 'GET' : 'POST', body, token, headers = {} } = asking
  const text = body === undefined ? undefined : JSON.stringify(body)
  const request = new Request(`${ISSUER}${path}`, {
    method,
    ...(text === undefined ? {} : { body: text }),
    headers: {
      ...(text === undefined
        ? {}
        : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    },
  })
  return toAnswer(await signet.listenable(request))
}

/** The status, and the stable code of a refusal. */
export const outcomeOf = ({ status, body }: Answer): string =>
  body.code === undefined ? String(status) : `${status} ${body.code}`

export const signUp = async (signet: Instance, email: string, more: object = {}): Promise<Body> => {
  const { status, body } = await ask(signet, '/auth/register', {
    body: { email, password: PASSWORD, ...more },
  })
  expect(status).toBe(201)
  return body
}

export const signIn = (signet: Instance, email: string, more: object = {}, headers: Asking['headers'] = {}) =>
  ask(signet, '/auth/login', { body: { email, password: PASSWORD, ...more }, headers })

/** Both ways in which a sign-in could go on. */
export const lives = async (
  signet: Instance,
  { access_token, refresh_token }: Pick<Body, 'access_token' | 'refresh_token'>,
) => [
  (await ask(signet, '/auth/me', { token: access_token })).status,
  (await ask(signet, '/auth/refresh', { body: { refresh_token } })).status,
]
export const ALIVE = [200, 200]
export const DEAD = [401, 401]
