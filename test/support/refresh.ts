import { expect } from 'vitest'
import { type Answer } from './answer.ts'
import { INTROSPECTOR } from './clients.ts'
import type { Deployment, Instance } from './deployment.ts'
import { type SeededFamily, seedFamily } from './families.ts'

export type RefreshRequest = Readonly<{
  client_id?: string
  /** The Idempotency-Key header. */
  key?: string
  headers?: Readonly<Record<string, string>>
}> &
  Readonly<{ form?: Readonly<Record<string, string>> | readonly (readonly [string, string])[] }>

/** RFC 6749 §6 – Presents a refresh token at POST /token, as the public client `app` by default. */
export const refresh = (
  signet: Instance,
  refresh_token: string,
  request: RefreshRequest = {},
): Promise<Answer> => {
  const { client_id = 'app', key, headers = {}, form = {} } = request
  const more = Array.isArray(form) ? form : Object.entries(form)
  const parameters: (readonly [string, string])[] = [
    ['grant_type', 'refresh_token'],
    ['refresh_token', refresh_token],
    ...('authorization' in headers ? [] : [['client_id', client_id] as const]),
    ...more,
  ]
  return signet.token(parameters, key === undefined ? headers : { ...headers, 'idempotency-key': key })
}

/** Presents a refresh token, which must succeed. Returns the successor. */
export const rotated = async (signet: Instance, token: string, request?: RefreshRequest): Promise<string> => {
  const { status, body } = await refresh(signet, token, request)
  expect([status, body.error]).toEqual([200, undefined])
  return body.refresh_token
}

/** Presents a refresh token, which must be refused. Returns the status and the error. */
export const refused = async (signet: Instance, token: string, request?: RefreshRequest) => {
  const { status, body } = await refresh(signet, token, request)
  expect(body).not.toHaveProperty('access_token')
  expect(body).not.toHaveProperty('refresh_token')
  return [status, body.error]
}

export const INVALID_GRANT = [400, 'invalid_grant']

/** RFC 7662 – Whether an access token is active, as the resource server of the test clients sees it. */
export const isActive = async (signet: Instance, token: string): Promise<unknown> => {
  const { body } = await signet.post('/introspect', { token }, INTROSPECTOR)
  return body['active']
}

/** Sign-ins that a test must not end: a second one of the same account, and one of another account. */
export const createBystanders = async (deployment: Deployment, family: SeededFamily) => {
  const others = [await seedFamily(deployment, { user_id: family.user_id }), await seedFamily(deployment)]
  let tokens: readonly string[] = others.map(other => other.refresh_token)
  return {
    expectAlive: async (signet: Instance) => {
      const answers = await Promise.all(tokens.map(token => refresh(signet, token)))
      expect(answers.map(({ status }) => status)).toEqual([200, 200])
      expect(await Promise.all(answers.map(({ body }) => isActive(signet, body.access_token)))).toEqual([
        true,
        true,
      ])
      tokens = answers.map(({ body }) => body.refresh_token)
    },
  }
}
