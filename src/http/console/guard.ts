import { Problem } from '../../domain/base/problem.ts'
import { wrongAddressPage } from '../console-pages/refused.ts'
import type { Call, Handle } from '../server/route.ts'
import { consoleReply } from './reply.ts'

/**
 * Fetch Standard, "Origin header"; W3C Fetch Metadata §2 – Refuses a request under another Host, by which another site's name can lead to
 * this listener, and a form of another origin, the public listener's among them: cookies ignore ports.
 */
export const createConsoleGuard = (console_url: string): ((handle: Handle) => Handle) => {
  const { host } = new URL(console_url)
  return handle => async call => {
    if (call.header('host') !== host) return consoleReply(call, 421, wrongAddressPage(console_url))
    if (call.context.req.method === 'POST' && !isOwnForm(call, console_url))
      throw new Problem('ORIGIN_NOT_ALLOWED', { reason: 'foreign_page' })
    return handle(call)
  }
}

/** Every browser sends Origin with a POST: a form without it is of no page of the console. */
const isOwnForm = ({ header }: Call, console_url: string): boolean =>
  header('origin') === console_url && (header('sec-fetch-site') ?? 'same-origin') === 'same-origin'
