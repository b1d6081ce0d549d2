import { z } from 'zod'
import { endedText, SIGN_INS, TIMELINE } from '../console-pages/answers.ts'
import { signInPath } from '../console-pages/parts.ts'
import { timelinePage } from '../console-pages/sign-in.ts'
import { signInsPage } from '../console-pages/sign-ins.ts'
import type { Route } from '../server/route.ts'
import { actionRoutes, type ConsoleAction, idOf } from './actions.ts'
import { listQueryOf } from './list-query.ts'
import { CONSOLE_ROUTE } from './reply.ts'
import type { ConsoleShow, Visiting } from './visiting.ts'

const apiPath = (sid: string): string => `/admin/sign-ins/${encodeURIComponent(sid)}`

const END: ConsoleAction = {
  name: 'end',
  title: 'End this sign-in',
  label: 'End the sign-in',
  effect: 'Its refresh token and its access tokens are dead from now on. The person can sign in again.',
  isFinal: true,
  request: sid => ({ method: 'POST', path: `${apiPath(sid)}/end` }),
  signetd: () => null,
  did: answer => `The sign-in has ended.${endedText(answer)}`,
  next: signInPath,
}

const OF_PERSON = z.object({ email: z.string().nullish(), client_id: z.string() })

/** The sign-ins: their list, and the timeline of one. */
export const signInConsoleRoutes = (visiting: Visiting): readonly Route[] => {
  const path = '/console/sign-ins'
  return [
    { ...CONSOLE_ROUTE, method: 'GET', path, handle: visiting.showing(showSignIns) },
    { ...CONSOLE_ROUTE, method: 'GET', path: `${path}/:id`, handle: visiting.showing(showSignIn) },
    ...actionRoutes(visiting, {
      tab: 'sign-ins',
      path,
      apiPath,
      aboutOf: (value, sid) => {
        const { email, client_id } = OF_PERSON.parse(value)
        return `${email ?? sid} at ${client_id}`
      },
      actions: [END],
    }),
  ]
}

const showSignIns: ConsoleShow = async ({ call, frame, get }) => {
  const { query, search } = listQueryOf(call, ['client_id', 'sub'])
  const { value } = await get(`/admin/sign-ins${search}`, SIGN_INS)
  return signInsPage(frame, { query, signIns: value })
}

const showSignIn: ConsoleShow = async visit => {
  const { value } = await visit.get(`${apiPath(idOf(visit))}/timeline`, TIMELINE)
  return timelinePage(visit.frame, value)
}
