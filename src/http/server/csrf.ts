import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { type Client, hasRedirectOrigin } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Call, Handle } from './route.ts'

type Needs = Readonly<{ issuer: string; origins: readonly string[]; clients: Clients }>

/**
 * Fetch Standard, "Origin header"; W3C Fetch Metadata §2 – Decides whether a known page sent a request to which the browser adds cookies.
 * The Origin must be present, and be the issuer's, a configured one, or that of a client's redirect URI. Fetch Metadata, where the browser
 * sends it, must not contradict: a SameSite=Strict cookie comes neither from another site nor with a navigation.
 */
export const createCsrf = ({ issuer, origins, clients }: Needs) => {
  const everyones = new Set([issuer, ...origins])
  const isFirstParty = (origin: string) => everyones.has(origin) || clients.hasFirstPartyOrigin(origin)
  const isKnown = (origin: string) => everyones.has(origin) || clients.hasOrigin(origin)
  const isOfAnotherPage = (call: Call) => isForeign(call, origin => origin === issuer)
  return {
    /** True for a form that a page of another origin sends, and be it a client's. */
    isOfAnotherPage,
    /** True for a page that some first-party client could have served. `isOf` asks for one client. */
    isOurs: (call: Call): boolean => {
      const origin = call.header('origin')
      return origin !== undefined && isFirstParty(origin) && !isContradicted(call)
    },
    /**
     * Ours – Refuses a request that a foreign page makes its visitor's browser send, before any limit counts it: the page could otherwise
     * use up the visitor's limits. Wraps every handler of the account API and of the forms.
     */
    refuseForeign:
      (handle: Handle): Handle =>
      async call => {
        if (isForeign(call, isFirstParty)) throw new Problem('ORIGIN_NOT_ALLOWED', { reason: 'foreign_page' })
        return handle(call)
      },
    /** Ours – Refuses a form that a page of another origin sends, and be it a client's. */
    refuseOtherPages:
      (handle: Handle): Handle =>
      async call => {
        if (isOfAnotherPage(call)) throw new Problem('ORIGIN_NOT_ALLOWED', { reason: 'foreign_page' })
        return handle(call)
      },
    /**
     * The key under which failed client authentications are counted. The token endpoint answers any page. Requests of unknown pages are
     * counted apart, because they could otherwise use up the visitor's own limit.
     */
    clientLimitKey: (call: Call): string => {
      const key = limitKeyOf(call.ip)
      return isForeign(call, isKnown) ? `page:${key}` : key
    },
    /** True for a page that this client could have served. */
    isOf: (call: Call, client: Client): boolean => {
      const origin = call.header('origin')
      return (
        origin !== undefined &&
        (everyones.has(origin) || hasRedirectOrigin(client, origin)) &&
        !isContradicted(call)
      )
    },
  }
}

export type Csrf = ReturnType<typeof createCsrf>

/**
 * W3C Fetch Metadata §2, Fetch Standard, "Origin header" – True for a request of a page whose origin is unknown. No page can omit or change
 * either header, and programs send neither. `same-origin` means a page of this server, whatever host name it was reached by.
 */
const isForeign = ({ header }: Call, isKnown: (origin: string) => boolean): boolean => {
  const site = header('sec-fetch-site')
  if (site === 'same-origin') return false
  const origin = header('origin')
  if (origin !== undefined) return !isKnown(origin)
  return site === 'cross-site' || site === 'same-site'
}

const isContradicted = ({ header }: Call): boolean => {
  const site = header('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin' && site !== 'same-site') return true
  return header('sec-fetch-mode') === 'navigate'
}
