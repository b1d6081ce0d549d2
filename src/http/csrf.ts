import { type Client, hasRedirectOrigin } from '../domain/client.ts'
import type { Clients } from '../ports.ts'
import type { Call } from './route.ts'

type Needs = Readonly<{ issuer: string; origins: readonly string[]; clients: Clients }>

/**
 * Fetch Standard, "Origin header"; W3C Fetch Metadata §2 – Whether a page of ours sent a request to which the browser adds
 * cookies by itself. The Origin must be there and be the issuer's, a configured one, or of a client's redirect URI. Where the
 * browser tells more, it must not contradict: a SameSite=Strict cookie never comes from another site, nor with a navigation.
 */
export const createCsrf = ({ issuer, origins, clients }: Needs) => {
  const everyones = new Set([issuer, ...origins])
  return {
    /** True for a page that any client could have served. Who asks for more names the client. */
    isOurs: (call: Call): boolean => {
      const origin = call.header('origin')
      return (
        origin !== undefined && (everyones.has(origin) || clients.hasOrigin(origin)) && !isContradicted(call)
      )
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

const isContradicted = ({ header }: Call): boolean => {
  const site = header('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin' && site !== 'same-site') return true
  return header('sec-fetch-mode') === 'navigate'
}
