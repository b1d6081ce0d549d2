import { Problem } from '../../domain/refusals/problem.ts'
import { ANYTHING } from '../console-pages/answers.ts'
import { confirmPage } from '../console-pages/confirm.ts'
import type { Tab } from '../console-pages/frame.ts'
import { apiRefusedPage } from '../console-pages/refused.ts'
import type { Reply, Route } from '../server/route.ts'
import type { ApiRequest } from './api.ts'
import { CONSOLE_ROUTE } from './reply.ts'
import type { PageVisit, Visiting } from './visiting.ts'

/** Something that an administrator does to one thing, by one request to the API. */
export type ConsoleAction = Readonly<{
  /** Its last part of the path. */
  name: string
  title: string
  label: string
  /** What will happen, for the person who decides. */
  effect: string
  /** True for what cannot be undone. */
  isFinal: boolean
  request: (id: string) => Pick<ApiRequest, 'method' | 'path' | 'body'>
  /** The command that does the same; null where there is none. */
  signetd: (id: string) => string | null
  /** What was done, from the body of the answer. */
  did: (answer: unknown) => string
  /** Where the person goes afterwards. */
  next: (id: string) => string
}>

type Subject = Readonly<{
  tab: Tab
  /** Of the console, such as `/console/accounts`. */
  path: string
  /** Its words and its version; its path at the API. */
  apiPath: (id: string) => string
  aboutOf: (value: unknown, id: string) => string
  /** Where a person goes who does not want it. Default: the page of the thing. */
  backOf?: (id: string) => string
  actions: readonly ConsoleAction[]
}>

/** The page that asks before an action, and the form that does it. */
export const actionRoutes = (visiting: Visiting, subject: Subject): readonly Route[] => {
  const path = `${subject.path}/:id/:action`
  const actionOf = ({ call }: PageVisit): ConsoleAction => {
    const action = subject.actions.find(({ name }) => name === call.context.req.param('action'))
    if (action === undefined) throw new Problem('NOT_FOUND')
    return action
  }
  const show = visiting.showing(async visit => ask(subject, actionOf(visit), visit))
  const send = visiting.acting(async (visit, { etag = null }) => act(actionOf(visit), visit, etag))
  return [
    { ...CONSOLE_ROUTE, method: 'GET', path, handle: show },
    { ...CONSOLE_ROUTE, method: 'POST', path, handle: send },
  ]
}

export const idOf = ({ call }: PageVisit): string => call.context.req.param('id') ?? ''

const ask = async (
  { tab, path, apiPath, aboutOf, backOf }: Subject,
  action: ConsoleAction,
  visit: PageVisit,
) => {
  const id = idOf(visit)
  const { value, etag } = await visit.get(apiPath(id), ANYTHING)
  const request = action.request(id)
  const own = `${path}/${encodeURIComponent(id)}`
  return confirmPage(visit.frame, {
    ...action,
    tab,
    about: aboutOf(value, id),
    action: `${own}/${action.name}`,
    back: backOf?.(id) ?? own,
    // A state that others change all the time, such as that of a sign-in, is no reason to refuse its end.
    etag: request.method === 'POST' ? null : etag,
    request,
    signetd: action.signetd(id),
  })
}

const act = async (action: ConsoleAction, visit: PageVisit, etag: string | null): Promise<Reply> => {
  const id = idOf(visit)
  const answer = await visit.ask({ ...action.request(id), etag }, ANYTHING)
  if ('refusal' in answer)
    return visit.reply(apiRefusedPage(visit.frame, answer.refusal), answer.refusal.status)
  return visit.goOn(action.next(id), action.did(answer.value))
}
