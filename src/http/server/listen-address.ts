import { createServer } from 'node:net'
import { errorCodeOf } from '../../domain/base/error-code.ts'

/** An address to listen on, and which settings name it. */
export type ListenAddress = Readonly<{ listener: 'public' | 'internal'; host: string; port: number }>

const SETTINGS = {
  public: { host: 'HOST', port: 'PORT' },
  internal: { host: 'INTERNAL_HOST', port: 'INTERNAL_PORT' },
} as const

/**
 * Why the address cannot be listened on; null when it can. Ours: an address is tried before anything is made, and given back. Listening
 * from then on would have connections accepted, by load balancers too, seconds before anything can answer them. An address that another
 * process takes in those seconds is refused later, as one that is taken now.
 */
export const findListenFault = (address: ListenAddress): Promise<string | null> =>
  new Promise(resolve => {
    const server = createServer(visitor => visitor.destroy())
    server.once('error', error => resolve(listenFaultOf(error, address)))
    server.listen({ host: address.host, port: address.port }, () => server.close(() => resolve(null)))
  })

/** The line for the operator: the settings, the cause, and what to do. */
export const listenFaultOf = (error: unknown, { listener, host, port }: ListenAddress): string => {
  const names = SETTINGS[listener]
  const code = errorCodeOf(error) ?? String(error)
  const cause = CAUSES[code]?.(names) ?? `set ${names.host} and ${names.port} to another address`
  return `cannot listen on ${names.host} ${host}, ${names.port} ${port}: ${cause} (${code})`
}

type Names = Readonly<{ host: string; port: string }>

/** By the code of the system's error. */
const CAUSES: Readonly<Record<string, (names: Names) => string>> = {
  EADDRINUSE: ({ port }) =>
    `another process listens there; end that process, or set ${port} to a port that is free`,
  EADDRNOTAVAIL: ({ host }) =>
    `this machine has no such address; set ${host} to an address of its own, or to 0.0.0.0 for all of them`,
  EACCES: ({ port }) => `this user may not listen on that port; set ${port} to a port above 1023`,
  ENOTFOUND: ({ host }) => `no address is known for that name; set ${host} to an IP address of this machine`,
  EAI_AGAIN: ({ host }) => `the name cannot be looked up now; set ${host} to an IP address of this machine`,
}
