import { HEALTH } from '../console-pages/answers.ts'
import { healthPage } from '../console-pages/health.ts'
import type { Route } from '../server/route.ts'
import { CONSOLE_ROUTE } from './reply.ts'
import type { ConsoleShow, Visiting } from './visiting.ts'

/** The findings of the doctor. */
export const healthConsoleRoute = (visiting: Visiting): Route => ({
  ...CONSOLE_ROUTE,
  method: 'GET',
  path: '/console/health',
  handle: visiting.showing(show),
})

const show: ConsoleShow = async ({ frame, get }) => {
  const { value } = await get('/admin/health', HEALTH)
  return healthPage(frame, value.findings)
}
