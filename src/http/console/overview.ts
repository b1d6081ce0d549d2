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

/** Asks one question after the other: the places of the API are for all administrators. */
const show: ConsoleShow = async visit => {
  const { call, frame, find, now } = visit
  const hours = call.context.req.query('hours') === '720' ? 720 : 24
  const activity = await find(`/admin/activity?hours=${hours}`, ACTIVITY)
  const keys = await find('/admin/keys', KEYS)
  const events = await find(`/admin/events?limit=${SHOWN_MOST}`, EVENTS)
  const reused = await find(`/admin/events?kind=refresh_token.reused&limit=${RETURNED_MOST}`, EVENTS)
  const returned = await withSignIns(visit, reused?.items ?? [])
  return consoleOverviewPage(frame, {
    hours,
    activity,
    keys,
    events: events?.items ?? null,
    returned,
    latest: await latestOf(visit, returned),
    now,
  })
}

const withSignIns = async (
  { find }: PageVisit,
  events: readonly EventShown[],
): Promise<readonly ReturnedToken[]> => {
  const found: ReturnedToken[] = []
  for (const event of events) {
    const { sid } = event
    const signIn = sid === null ? null : await find(`/admin/sign-ins/${encodeURIComponent(sid)}`, SIGN_IN)
    found.push({ event, signIn })
  }
  return found
}

/** What happened to the sign-in of the newest one; null where it is no longer kept. */
const latestOf = async ({ find }: PageVisit, [newest]: readonly ReturnedToken[]) => {
  if (newest === undefined || newest.signIn === null) return null
  return find(`/admin/sign-ins/${encodeURIComponent(newest.signIn.sid)}/timeline`, TIMELINE)
}
