import { MATCHES } from '../console-pages/answers.ts'
import { findPage } from '../console-pages/find.ts'
import type { Route } from '../server/route.ts'
import { CONSOLE_ROUTE } from './reply.ts'
import type { ConsoleShow, Visiting } from './visiting.ts'

/** The search of every page: what a text of a log line is. */
export const findConsoleRoute = (visiting: Visiting): Route => ({
  ...CONSOLE_ROUTE,
  method: 'GET',
  path: '/console/find',
  handle: visiting.showing(find),
})

const find: ConsoleShow = async ({ call, frame, get }) => {
  const q = (call.context.req.query('q') ?? '').trim()
  if (q === '') return findPage(frame, { q, matches: [] })
  const { value } = await get(`/admin/find?${new URLSearchParams({ q }).toString()}`, MATCHES)
  return findPage(frame, { q, matches: value.matches })
}
