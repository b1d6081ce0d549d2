import { ANYTHING, KEYS } from '../console-pages/answers.ts'
import { confirmPage } from '../console-pages/confirm.ts'
import { keysPage } from '../console-pages/keys.ts'
import { quoted } from '../console-pages/parts.ts'
import { apiRefusedPage } from '../console-pages/refused.ts'
import type { Route } from '../server/route.ts'
import { actionRoutes, type ConsoleAction } from './actions.ts'
import { readChanges } from './events.ts'
import { CONSOLE_ROUTE } from './reply.ts'
import type { ConsoleAct, ConsoleShow, Visiting } from './visiting.ts'

const toKeys = () => '/console/keys'
const apiPath = (kid: string): string => `/admin/keys/${encodeURIComponent(kid)}`

const ACTIONS: readonly ConsoleAction[] = [
  {
    name: 'retire',
    title: 'Retire this key',
    label: 'Retire the key',
    effect: 'The announced key takes over. Tokens of this key stay valid until they expire.',
    isFinal: true,
    request: kid => ({ method: 'POST', path: `${apiPath(kid)}/retire`, body: { now: false } }),
    signetd: kid => `signetd keys retire ${quoted(kid)}`,
    did: () => 'The key is retired.',
    next: toKeys,
  },
  {
    name: 'revoke',
    title: 'Revoke this key',
    label: 'Revoke the key',
    effect:
      'Every token that the key has signed is refused from now on. Do this for a key that others may have.',
    isFinal: true,
    request: kid => ({ method: 'POST', path: `${apiPath(kid)}/revoke`, body: { now: true } }),
    signetd: kid => `signetd keys revoke ${quoted(kid)} --now`,
    did: () => 'The key is revoked.',
    next: toKeys,
  },
]

/** The signing keys, and what an administrator does to them. */
export const keyConsoleRoutes = (visiting: Visiting): readonly Route[] => [
  { ...CONSOLE_ROUTE, method: 'GET', path: '/console/keys', handle: visiting.showing(showKeys) },
  { ...CONSOLE_ROUTE, method: 'GET', path: '/console/keys/rotate', handle: visiting.showing(askToRotate) },
  { ...CONSOLE_ROUTE, method: 'POST', path: '/console/keys/rotate', handle: visiting.acting(rotate) },
  ...actionRoutes(visiting, {
    tab: 'keys',
    path: '/console/keys',
    apiPath: () => '/admin/keys',
    aboutOf: (_, kid) => kid,
    backOf: toKeys,
    actions: ACTIONS,
  }),
]

const showKeys: ConsoleShow = async visit => {
  const { frame, get, now } = visit
  const { value } = await get('/admin/keys', KEYS)
  const changes = await readChanges(visit, ['key.created', 'key.promoted', 'key.retired', 'key.revoked'])
  return keysPage(frame, { keys: value.items, changes, now })
}

const ROTATE = { method: 'POST', path: '/admin/keys/rotate', body: { now: false } } as const

const askToRotate: ConsoleShow = async ({ frame }) =>
  confirmPage(frame, {
    tab: 'keys',
    title: 'Announce a new key',
    about: 'It signs once verifiers have had the time to see it.',
    effect: 'A new key is made and published. The present key goes on until then, and its tokens stay valid.',
    isFinal: false,
    label: 'Announce a new key',
    action: '/console/keys/rotate',
    back: '/console/keys',
    etag: null,
    request: ROTATE,
    signetd: 'signetd keys rotate',
  })

const rotate: ConsoleAct = async ({ ask, goOn, reply, frame }) => {
  const answer = await ask({ ...ROTATE }, ANYTHING)
  if ('refusal' in answer) return reply(apiRefusedPage(frame, answer.refusal), answer.refusal.status)
  return goOn('/console/keys', 'A new key is announced.')
}
