import { Problem } from '../../domain/refusals/problem.ts'
import { wrongAddressPage } from '../console-pages/refused.ts'
import type { Call, Handle } from '../server/route.ts'
import { consoleReply } from './reply.ts'

/**
 * Fetch Standard, "Origin header"; W3C Fetch Metadata §2 – Refuses a request under another Host, by which another site's name can lead to
 * this listener. Refuses a form of another origin, and whatever a page of another origin loads but a link to a page here: cookies ignore
 * ports, so that the public listener's pages send the one of the console too.
 */
export const createConsoleGuard = (console_url: string): ((handle: Handle) => Handle) => {
  const { host } = new URL(console_url)
  return handle => async call => {
    if (call.header('host') !== host) return consoleReply(call, 421, wrongAddressPage(console_url))
    if (call.context.req.method === 'POST' && !isOwnForm(call, console_url))
      throw new Problem('ORIGIN_NOT_ALLOWED', { reason: 'foreign_page' })
    if (isLoadedElsewhere(call)) throw new Problem('ORIGIN_NOT_ALLOWED', { reason: 'foreign_page' })
    return handle(call)
  }
}

const ELSEWHERE: ReadonlySet<string> = new Set(['same-site', 'cross-site'])

/** Such as an image: its page cannot read the answer, and each one would ask the database, or take one of the few places of an export. */
const isLoadedElsewhere = ({ header }: Call): boolean =>
  ELSEWHERE.has(header('sec-fetch-site') ?? 'none') && header('sec-fetch-dest') !== 'document'

/** W3C Fetch Metadata §2.2 – True where a link of another page, or a sign-in, has led to this address. */
export const isLedFromElsewhere = ({ header }: Call): boolean =>
  ELSEWHERE.has(header('sec-fetch-site') ?? 'none')

/** Every browser sends Origin with a POST: a form without it is of no page of the console. */
const isOwnForm = ({ header }: Call, console_url: string): boolean =>
  header('origin') === console_url && (header('sec-fetch-site') ?? 'same-origin') === 'same-origin'
