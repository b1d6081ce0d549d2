import { z } from 'zod'
import { accountPage } from '../console-pages/account.ts'
import { accountFormPage } from '../console-pages/account-form.ts'
import { accountsPage } from '../console-pages/accounts.ts'
import {
  ACCOUNT,
  ACCOUNTS,
  ANYTHING,
  CONSENTS,
  EVENTS,
  endedText,
  SIGN_INS,
} from '../console-pages/answers.ts'
import { confirmPage } from '../console-pages/confirm.ts'
import { accountPath, quoted, withdrawPath } from '../console-pages/parts.ts'
import { apiRefusedPage } from '../console-pages/refused.ts'
import { seeOther } from '../hosted/interactions.ts'
import type { Route } from '../server/route.ts'
import { actionRoutes, type ConsoleAction, idOf } from './actions.ts'
import { isLedFromElsewhere } from './guard.ts'
import { listQueryOf } from './list-query.ts'
import { CONSOLE_ROUTE } from './reply.ts'
import type { ConsoleAct, ConsoleShow, PageVisit, Visiting } from './visiting.ts'

const apiPath = (sub: string): string => `/admin/accounts/${encodeURIComponent(sub)}`
const toAccounts = () => '/console/accounts'

const ACTIONS: readonly ConsoleAction[] = [
  {
    name: 'disable',
    title: 'Disable this account',
    label: 'Disable the account',
    effect:
      'Every sign-in of the account ends now, and the person cannot sign in again until the account is enabled.',
    isFinal: false,
    request: sub => ({ method: 'POST', path: `${apiPath(sub)}/disable` }),
    signetd: sub => `signetd accounts disable ${quoted(sub)}`,
    did: answer => `The account is disabled.${endedText(answer)}`,
    next: accountPath,
  },
  {
    name: 'enable',
    title: 'Enable this account',
    label: 'Enable the account',
    effect: 'The person can sign in again. Sign-ins that have ended stay ended.',
    isFinal: false,
    request: sub => ({ method: 'POST', path: `${apiPath(sub)}/enable` }),
    signetd: sub => `signetd accounts enable ${quoted(sub)}`,
    did: () => 'The account is enabled.',
    next: accountPath,
  },
  {
    name: 'end-sign-ins',
    title: 'End every sign-in of this account',
    label: 'End every sign-in',
    effect: 'Every device and application of the person is signed out now. The person can sign in again.',
    isFinal: true,
    request: sub => ({ method: 'POST', path: `${apiPath(sub)}/end-sign-ins` }),
    signetd: sub => `signetd accounts end-sessions ${quoted(sub)}`,
    did: answer => `The sign-ins of the account are ended.${endedText(answer)}`,
    next: accountPath,
  },
  {
    name: 'remove-factors',
    title: 'Remove the second factors of this account',
    label: 'Remove the second factors',
    effect:
      'The authenticator application, every passkey and the recovery codes are removed, and every sign-in ends. Do this for a person who has lost them and whom you know by another way.',
    isFinal: true,
    request: sub => ({ method: 'DELETE', path: `${apiPath(sub)}/factors` }),
    signetd: sub => `signetd accounts remove-factors ${quoted(sub)}`,
    did: answer => `The second factors are removed.${endedText(answer)}`,
    next: accountPath,
  },
  {
    name: 'delete',
    title: 'Delete this account',
    label: 'Delete the account',
    effect: 'The account is deleted with all data of the person, and every sign-in ends.',
    isFinal: true,
    request: sub => ({ method: 'DELETE', path: apiPath(sub) }),
    signetd: sub => `signetd accounts delete ${quoted(sub)} --now`,
    did: () => 'The account is deleted.',
    next: toAccounts,
  },
]

const EMAIL = z.object({ email: z.string() })

/** The accounts: their list, a person's page, and what an administrator does to one. */
export const accountConsoleRoutes = (visiting: Visiting): readonly Route[] => {
  const path = '/console/accounts'
  return [
    { ...CONSOLE_ROUTE, method: 'GET', path, handle: visiting.showing(showAccounts) },
    { ...CONSOLE_ROUTE, method: 'GET', path: `${path}/new`, handle: visiting.showing(showNew) },
    { ...CONSOLE_ROUTE, method: 'POST', path: `${path}/new`, handle: visiting.acting(create) },
    { ...CONSOLE_ROUTE, method: 'GET', path: `${path}/:id`, handle: visiting.showing(showAccount) },
    { ...CONSOLE_ROUTE, method: 'GET', path: `${path}/:id/change`, handle: visiting.showing(showChange) },
    { ...CONSOLE_ROUTE, method: 'POST', path: `${path}/:id/change`, handle: visiting.acting(change) },
    { ...CONSOLE_ROUTE, method: 'GET', path: `${path}/:id/export`, handle: visiting.showing(exportAccount) },
    {
      ...CONSOLE_ROUTE,
      method: 'GET',
      path: `${path}/:id/withdraw`,
      handle: visiting.showing(askToWithdraw),
    },
    { ...CONSOLE_ROUTE, method: 'POST', path: `${path}/:id/withdraw`, handle: visiting.acting(withdraw) },
    ...actionRoutes(visiting, {
      tab: 'accounts',
      path,
      apiPath,
      aboutOf: value => EMAIL.parse(value).email,
      actions: ACTIONS,
    }),
  ]
}

const showAccounts: ConsoleShow = async ({ call, frame, get }) => {
  const { query, search } = listQueryOf(call, ['email_prefix', 'role', 'disabled'])
  const { value } = await get(`/admin/accounts${search}`, ACCOUNTS)
  return accountsPage(frame, { query, accounts: value })
}

const showAccount: ConsoleShow = async visit => {
  const { frame, get, find } = visit
  const own = apiPath(idOf(visit))
  const { value: account } = await get(own, ACCOUNT)
  const signIns = await find(`${own}/sign-ins?limit=${SHOWN_MOST}`, SIGN_INS)
  const consents = await find(`${own}/consents`, CONSENTS)
  const events = await find(`/admin/events?sub=${account.sub}&limit=${SHOWN_MOST}`, EVENTS)
  return accountPage(frame, {
    account,
    signIns: signIns?.items ?? null,
    consents: consents?.items ?? null,
    events: events?.items ?? null,
  })
}

/** Of the sign-ins and events on a person's page. */
const SHOWN_MOST = 20

const showNew: ConsoleShow = async ({ frame }) =>
  accountFormPage(frame, { account: null, etag: null, given: {}, faults: [] })

const showChange: ConsoleShow = async visit => {
  const { value: account, etag } = await visit.get(apiPath(idOf(visit)), ACCOUNT)
  const given = {
    roles: account.roles.join(' '),
    external_id: account.external_id ?? '',
    ...(account.email_verified ? { email_verified: 'yes' } : {}),
  }
  return accountFormPage(visit.frame, { account, etag, given, faults: [] })
}

const exportAccount: ConsoleShow = async visit => {
  const sub = idOf(visit)
  // A link of another page must cause neither a download nor an event in the administrator's name.
  if (isLedFromElsewhere(visit.call)) return seeOther(accountPath(sub))
  const path = `${apiPath(sub)}/export`
  return visit.download({
    path,
    accept: 'application/json',
    name: `account-${sub.replace(/[^\w-]/g, '')}.json`,
  })
}

/** The consent whose client the address names, as a request that withdraws it. */
const withdrawalOf = (visit: PageVisit) => {
  const sub = idOf(visit)
  const client_id = visit.call.context.req.query('client_id') ?? ''
  const path = `${apiPath(sub)}/consents/${encodeURIComponent(client_id)}`
  return { sub, client_id, request: { method: 'DELETE', path } as const }
}

const askToWithdraw: ConsoleShow = async visit => {
  const { sub, client_id, request } = withdrawalOf(visit)
  const { value: account } = await visit.get(apiPath(sub), ACCOUNT)
  return confirmPage(visit.frame, {
    tab: 'accounts',
    title: 'Withdraw this consent',
    about: `${account.email} at ${client_id}`,
    effect:
      'What the person has granted to this client is forgotten, and their sign-ins there end now. The client may ask the person again.',
    isFinal: true,
    label: 'Withdraw the consent',
    action: withdrawPath(sub, client_id),
    back: accountPath(sub),
    etag: null,
    request,
    signetd: `signetd accounts withdraw-consent ${quoted(sub)} ${quoted(client_id)}`,
  })
}

const withdraw: ConsoleAct = async visit => {
  const { sub, request } = withdrawalOf(visit)
  const answer = await visit.ask(request, ANYTHING)
  if ('refusal' in answer)
    return visit.reply(apiRefusedPage(visit.frame, answer.refusal), answer.refusal.status)
  return visit.goOn(accountPath(sub), `The consent is withdrawn.${endedText(answer.value)}`)
}

const CREATED = z.object({ sub: z.string() })

const create: ConsoleAct = async ({ ask, goOn, reply, frame }, given) => {
  const { email = '', name = '', invite } = given
  const body = {
    email,
    ...(name === '' ? {} : { name }),
    ...rolesOf(given),
    ...(invite === undefined ? {} : { invite: true }),
    ...(given['email_verified'] === undefined ? {} : { email_verified: true }),
  }
  const answer = await ask({ method: 'POST', path: '/admin/accounts', body }, CREATED)
  if ('value' in answer) return goOn(accountPath(answer.value.sub), 'The account is created.')
  const { status, title, errors } = answer.refusal
  return reply(accountFormPage(frame, { account: null, etag: null, given, faults: errors, title }), status)
}

const change: ConsoleAct = async (visit, given) => {
  const { ask, goOn, reply, get, frame } = visit
  const sub = idOf(visit)
  const external_id = given['external_id'] ?? ''
  const body = {
    roles: (given['roles'] ?? '').split(/[\s,]+/).filter(Boolean),
    external_id: external_id === '' ? null : external_id,
    email_verified: given['email_verified'] !== undefined,
  }
  const { etag = null } = given
  const answer = await ask({ method: 'PATCH', path: apiPath(sub), body, etag }, ANYTHING)
  if ('value' in answer) return goOn(accountPath(sub), 'The account is changed.')
  const { status, title, errors } = answer.refusal
  const { value: account } = await get(apiPath(sub), ACCOUNT)
  return reply(accountFormPage(frame, { account, etag, given, faults: errors, title }), status)
}

const rolesOf = ({ roles = '' }: Readonly<Record<string, string>>) => {
  const named = roles.split(/[\s,]+/).filter(Boolean)
  return named.length === 0 ? {} : { roles: named }
}
