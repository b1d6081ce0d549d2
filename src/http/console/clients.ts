import { z } from 'zod'
import type { EventKind } from '../../domain/events/event-kinds.ts'
import { ANYTHING, CLIENT, CLIENTS, CREATED_CLIENT, endedText, SECRET } from '../console-pages/answers.ts'
import { clientFormPage, clientPage, clientsPage, secretPage } from '../console-pages/clients.ts'
import { confirmPage } from '../console-pages/confirm.ts'
import { clientPath, quoted } from '../console-pages/parts.ts'
import { apiRefusedPage } from '../console-pages/refused.ts'
import type { Route } from '../server/route.ts'
import { actionRoutes, type ConsoleAction, idOf } from './actions.ts'
import { readChanges } from './events.ts'
import { listQueryOf } from './list-query.ts'
import { CONSOLE_ROUTE } from './reply.ts'
import type { ConsoleAct, ConsoleShow, Visiting } from './visiting.ts'

const apiPath = (client_id: string): string => `/admin/clients/${encodeURIComponent(client_id)}`

const ACTIONS: readonly ConsoleAction[] = [
  {
    name: 'disable',
    title: 'Disable this client',
    label: 'Disable the client',
    effect: 'Every server refuses the client within two seconds. Its registration and its sign-ins are kept.',
    isFinal: false,
    request: id => ({ method: 'POST', path: `${apiPath(id)}/disable` }),
    signetd: id => `signetd clients disable ${quoted(id)}`,
    did: () => 'The client is disabled.',
    next: clientPath,
  },
  {
    name: 'enable',
    title: 'Enable this client',
    label: 'Enable the client',
    effect: 'The client can be used again on every server within two seconds.',
    isFinal: false,
    request: id => ({ method: 'POST', path: `${apiPath(id)}/enable` }),
    signetd: id => `signetd clients enable ${quoted(id)}`,
    did: () => 'The client is enabled.',
    next: clientPath,
  },
  {
    name: 'end-everything',
    title: 'End every sign-in at this client',
    label: 'End every sign-in at the client',
    effect: 'Every refresh token and access token of the client is dead from now on.',
    isFinal: true,
    request: id => ({ method: 'POST', path: `${apiPath(id)}/end-everything` }),
    signetd: () => null,
    did: answer => `Everything of the client is ended.${endedText(answer)}`,
    next: clientPath,
  },
  {
    name: 'delete',
    title: 'Delete this client',
    label: 'Delete the client',
    effect: 'The registration is deleted, and no request of the client is answered any more.',
    isFinal: true,
    request: id => ({ method: 'DELETE', path: apiPath(id) }),
    signetd: id => `signetd clients remove ${quoted(id)} --now`,
    did: () => 'The client is deleted.',
    next: () => '/console/clients',
  },
]

/** The clients: their list, one of them, and what an administrator does to it. */
export const clientConsoleRoutes = (visiting: Visiting): readonly Route[] => {
  const path = '/console/clients'
  const get = (more: string, show: ConsoleShow): Route => ({
    ...CONSOLE_ROUTE,
    method: 'GET',
    path: path + more,
    handle: visiting.showing(show),
  })
  const post = (more: string, act: ConsoleAct): Route => ({
    ...CONSOLE_ROUTE,
    method: 'POST',
    path: path + more,
    handle: visiting.acting(act),
  })
  return [
    get('', showClients),
    get('/new', async ({ frame }) =>
      clientFormPage(frame, { client_id: null, etag: null, text: TEMPLATE, faults: [] }),
    ),
    post('/new', create),
    get('/:id', showClient),
    get('/:id/change', showChange),
    post('/:id/change', change),
    get('/:id/rotate-secret', askForSecret),
    post('/:id/rotate-secret', makeSecret),
    ...actionRoutes(visiting, {
      tab: 'clients',
      path,
      apiPath,
      aboutOf: (_, client_id) => client_id,
      actions: ACTIONS,
    }),
  ]
}

/** What most web applications need. */
const TEMPLATE = JSON.stringify(
  {
    client_id: '',
    client_name: '',
    redirect_uris: ['https://app.example.com/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_basic',
    scope: 'openid profile email offline_access',
  },
  null,
  2,
)

const showClients: ConsoleShow = async ({ call, frame, get }) => {
  const { value } = await get(`/admin/clients${listQueryOf(call, []).search}`, CLIENTS)
  return clientsPage(frame, value)
}

const showClient: ConsoleShow = async visit => {
  const client_id = idOf(visit)
  const { value: client } = await visit.get(apiPath(client_id), CLIENT)
  // A client of the file is changed by nothing that writes events.
  if (client.source === 'file') return clientPage(visit.frame, { client, changes: null })
  const changes = await readChanges(visit, CHANGES, { client_id })
  return clientPage(visit.frame, { client, changes })
}

const CHANGES = [
  'client.created',
  'client.registered',
  'client.changed',
  'client.secret_added',
  'client.disabled',
  'client.enabled',
  'client.everything_revoked',
] as const satisfies readonly EventKind[]

const showChange: ConsoleShow = async visit => {
  const client_id = idOf(visit)
  const { value, etag } = await visit.get(apiPath(client_id), CLIENT)
  const members = Object.entries(value.registration).filter(
    ([name, member]) =>
      name !== 'client_id' && member !== null && !(Array.isArray(member) && member.length === 0),
  )
  const text = JSON.stringify(Object.fromEntries(members), null, 2)
  return clientFormPage(visit.frame, { client_id, etag, text, faults: [] })
}

const OBJECT = z.record(z.string(), z.unknown())

/** Null for a text that is no JSON object. */
const parseObject = (text: string): Record<string, unknown> | null => {
  try {
    return OBJECT.safeParse(JSON.parse(text)).data ?? null
  } catch {
    return null
  }
}

const NOT_JSON = {
  faults: [{ pointer: '', detail: 'This is not a JSON object.' }],
  title: 'Nothing was changed.',
}

const create: ConsoleAct = async ({ ask, goOn, reply, frame }, { metadata: text = '' }) => {
  const body = parseObject(text)
  const filled = { client_id: null, etag: null, text }
  if (body === null) return reply(clientFormPage(frame, { ...filled, ...NOT_JSON }), 422)
  const answer = await ask({ method: 'POST', path: '/admin/clients', body }, CREATED_CLIENT)
  if ('refusal' in answer) {
    const { errors: faults, title, status } = answer.refusal
    return reply(clientFormPage(frame, { ...filled, faults, title }), status)
  }
  const { client_id, client_secret } = answer.value
  return client_secret === null
    ? goOn(clientPath(client_id), 'The client is created.')
    : reply(secretPage(frame, { client_id, client_secret }))
}

const change: ConsoleAct = async (visit, { metadata: text = '', etag = null }) => {
  const { ask, goOn, reply, frame } = visit
  const client_id = idOf(visit)
  const body = parseObject(text)
  if (body === null) return reply(clientFormPage(frame, { client_id, etag, text, ...NOT_JSON }), 422)
  const answer = await ask({ method: 'PUT', path: apiPath(client_id), body, etag }, ANYTHING)
  if ('value' in answer) return goOn(clientPath(client_id), 'The client is changed.')
  const { errors: faults, title, status } = answer.refusal
  return reply(clientFormPage(frame, { client_id, etag, text, faults, title }), status)
}

/** Seconds for which the former secret goes on: a day to bring the new one to every server of the client. */
const OVERLAP_SECONDS = 86_400

const secretRequest = (client_id: string) =>
  ({
    method: 'POST',
    path: `${apiPath(client_id)}/secrets`,
    body: { overlap_seconds: OVERLAP_SECONDS },
  }) as const

const askForSecret: ConsoleShow = async visit => {
  const client_id = idOf(visit)
  await visit.get(apiPath(client_id), CLIENT)
  return confirmPage(visit.frame, {
    tab: 'clients',
    title: 'Make a new secret',
    about: client_id,
    effect: 'The new secret is shown once. The former one goes on for a day.',
    isFinal: false,
    label: 'Make a new secret',
    action: `${clientPath(client_id)}/rotate-secret`,
    back: clientPath(client_id),
    etag: null,
    request: secretRequest(client_id),
    signetd: null,
  })
}

const makeSecret: ConsoleAct = async visit => {
  const { ask, reply, frame } = visit
  const client_id = idOf(visit)
  const answer = await ask(secretRequest(client_id), SECRET)
  if ('refusal' in answer) return reply(apiRefusedPage(frame, answer.refusal), answer.refusal.status)
  return reply(secretPage(frame, { client_id, client_secret: answer.value.client_secret }))
}
