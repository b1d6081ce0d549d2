import { expect } from 'vitest'
import { newEmail } from '../ask.ts'
import { API, createPepperText, OTHER_API } from '../clients.ts'
import type { Deployment, Instance } from '../deployment.ts'
import {
  answerOf,
  CODE_CHALLENGE,
  CODE_VERIFIER,
  createPerson,
  headingOf,
  queryOf,
  type Shown,
} from '../pages/person.ts'

export const CALLBACK = 'https://agent.example/callback'

/** The settings of an instance at which clients register themselves. */
export const REGISTERING = {
  REGISTRATION: 'open',
  CLIENT_ID_KEYS: createPepperText(),
  REGISTRATION_AUDIENCES: `${API}, ${OTHER_API}`,
  REGISTRATION_SCOPES: 'openid offline_access email read',
  RATE_LIMIT_CLIENT_REGISTRATIONS: 'off',
  RATE_LIMIT_REGISTRATION_CHANGES: 'off',
}

/** What the SDK of the Model Context Protocol sends. */
export const AGENT = {
  client_name: 'Agent',
  redirect_uris: [CALLBACK],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
}

export type Registered = Readonly<{
  client_id: string
  client_secret: string
  registration_access_token: string
  registration_client_uri: string
}>

export const tryRegister = (at: Instance, body: object, token?: string) =>
  at.ask('/register', { method: 'POST', body, ...(token === undefined ? {} : { token }) })

/** Registers an agent with more members, or other ones. Must succeed. */
export const registerAgent = async (at: Instance, members: object = {}) => {
  const { status, text, body } = await tryRegister(at, { ...AGENT, ...members })
  expect(status, text).toBe(201)
  const told = (member: keyof Registered): string => {
    const value = body[member]
    return typeof value === 'string' ? value : ''
  }
  return {
    client_id: told('client_id'),
    client_secret: told('client_secret'),
    registration_access_token: told('registration_access_token'),
    registration_client_uri: told('registration_client_uri'),
    answer: body,
  }
}

/** RFC 7592 §2 – Asks at the address of a client's registration. */
export const manage = (
  at: Instance,
  client: Registered,
  { method = 'GET', body }: Readonly<{ method?: 'GET' | 'PUT' | 'DELETE'; body?: object }> = {},
) =>
  at.ask(new URL(client.registration_client_uri).pathname, {
    method,
    token: client.registration_access_token,
    ...(body === undefined ? {} : { body }),
  })

type Fields = Readonly<Record<string, string | null>>
/** The query of an authorization request of an agent. */
export const agentRequest = (client_id: string, more: Fields = {}) =>
  queryOf({
    response_type: 'code',
    client_id,
    redirect_uri: CALLBACK,
    scope: 'openid offline_access read',
    state: 's',
    code_challenge: CODE_CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  })

/** 303: on to the sign-in; 400: a page that says what is wrong. */
export const authorizeStatus = async (at: Instance, client_id: string, more: Fields = {}) =>
  (await at.fetch(`/authorize?${agentRequest(client_id, more)}`, { redirect: 'manual' })).status

/** A new person who allows the client what it asks for. */
export const allowAgent = async (at: Instance, client_id: string, more: Fields = {}) => {
  const person = createPerson(at)
  const page = await person.signUp(await person.arrive(agentRequest(client_id, more)), newEmail())
  expect(headingOf(page)).toContain('Allow ')
  return {
    person,
    page,
    answer: await person.allow(page),
    arrive: () => person.arrive(agentRequest(client_id, more)),
  }
}

/** RFC 6749 §4.1.3 – By the header where one is given, else as a public client. */
export const redeemAnswer = (
  at: Instance,
  client_id: string,
  { answer, ...more }: Readonly<{ answer: Shown; authorization?: string; redirect_uri?: string }>,
) => {
  const { authorization, redirect_uri = CALLBACK } = more
  const form = {
    grant_type: 'authorization_code',
    redirect_uri,
    code: answerOf(answer)['code'] ?? '',
    code_verifier: CODE_VERIFIER,
  }
  return authorization === undefined ? at.token({ ...form, client_id }) : at.token(form, { authorization })
}

/** The rows of clients that have registered themselves. */
export const registrationRows = async ({ database }: Pick<Deployment, 'database'>): Promise<number> => {
  const [counted] = await database.sql<{ rows: number; counted: number }[]>`
    select count(*)::int as rows, (select registrations from client_head) as counted
    from clients
    where is_self_registered`
  expect(counted?.rows).toBe(counted?.counted)
  return counted?.rows ?? -1
}
