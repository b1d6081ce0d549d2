import { ACTIVITY, EVENTS, type EventShown, KEYS, SIGN_IN, TIMELINE } from '../console-pages/answers.ts'
import { consoleOverviewPage, type ReturnedToken } from '../console-pages/overview.ts'
import type { Route } from '../server/route.ts'
import { CONSOLE_ROUTE } from './reply.ts'
import type { ConsoleShow, PageVisit, Visiting } from './visiting.ts'

/** The first page of the console. */
export const overviewConsoleRoute = (visiting: Visiting): Route => ({
  ...CONSOLE_ROUTE,
  method: 'GET',
  path: '/console',
  handle: visiting.showing(show),
})

/** Of the events on the overview. */
const SHOWN_MOST = 10
/** Of the used tokens that came back. */
const RETURNED_MOST = 5

const show: ConsoleShow = async visit => {
  const { call, frame, ask, now } = visit
  const hours = call.context.req.query('hours') === '720' ? 720 : 24
  const [activity, keys, events, reused] = await Promise.all([
    ask({ method: 'GET', path: `/admin/activity?hours=${hours}` }, ACTIVITY),
    ask({ method: 'GET', path: '/admin/keys' }, KEYS),
    ask({ method: 'GET', path: `/admin/events?limit=${SHOWN_MOST}` }, EVENTS),
    ask({ method: 'GET', path: `/admin/events?kind=refresh_token.reused&limit=${RETURNED_MOST}` }, EVENTS),
  ])
  const returned = await withSignIns(visit, 'value' in reused ? reused.value.items : [])
  return consoleOverviewPage(frame, {
    hours,
    activity: 'value' in activity ? activity.value : null,
    keys: 'value' in keys ? keys.value : null,
    events: 'value' in events ? events.value.items : null,
    returned,
    latest: await latestOf(visit, returned),
    now,
  })
}

/** One after the other: the places of the API are for all administrators. */
const withSignIns = async (
  { ask }: PageVisit,
  events: readonly EventShown[],
): Promise<readonly ReturnedToken[]> => {
  const found: ReturnedToken[] = []
  for (const event of events) {
    const answer =
      event.sid === null
        ? null
        : await ask({ method: 'GET', path: `/admin/sign-ins/${encodeURIComponent(event.sid)}` }, SIGN_IN)
    found.push({ event, signIn: answer !== null && 'value' in answer ? answer.value : null })
  }
  return found
}

/** What happened to the sign-in of the newest one; null where it is no longer kept. */
const latestOf = async ({ ask }: PageVisit, [newest]: readonly ReturnedToken[]) => {
  if (newest === undefined || newest.signIn === null) return null
  const path = `/admin/sign-ins/${encodeURIComponent(newest.signIn.sid)}/timeline`
  const answer = await ask({ method: 'GET', path }, TIMELINE)
  return 'value' in answer ? answer.value : null
}
