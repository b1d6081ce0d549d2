import { ACTIVITY, EVENTS, KEYS } from '../console-pages/answers.ts'
import { consoleOverviewPage } from '../console-pages/overview.ts'
import type { Route } from '../server/route.ts'
import { CONSOLE_ROUTE } from './reply.ts'
import type { ConsoleShow, Visiting } from './visiting.ts'

/** The first page of the console. */
export const overviewConsoleRoute = (visiting: Visiting): Route => ({
  ...CONSOLE_ROUTE,
  method: 'GET',
  path: '/console',
  handle: visiting.showing(show),
})

/** Of the events on the overview. */
const SHOWN_MOST = 10

const show: ConsoleShow = async ({ call, frame, ask, now }) => {
  const hours = call.context.req.query('hours') === '720' ? 720 : 24
  const [activity, keys, events] = await Promise.all([
    ask({ method: 'GET', path: `/admin/activity?hours=${hours}` }, ACTIVITY),
    ask({ method: 'GET', path: '/admin/keys' }, KEYS),
    ask({ method: 'GET', path: `/admin/events?limit=${SHOWN_MOST}` }, EVENTS),
  ])
  return consoleOverviewPage(frame, {
    hours,
    activity: 'value' in activity ? activity.value : null,
    keys: 'value' in keys ? keys.value : null,
    events: 'value' in events ? events.value.items : null,
    now,
  })
}
