import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { App } from './app.ts'
import type { Unreadable } from './malformed-requests.ts'

/** Limits of time: requests are small, so a client that takes long to send one is disconnected. */
const SERVER_OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16_384,
  // `requireHost` refuses a request without one, with a request id.
  requireHostHeader: false,
  // RFC 9112 §3.2 – Node would ignore a second Host. Joined, the two are no valid host.
  joinDuplicateHeaders: true,
}

const SWEEP_MILLISECONDS = 50

/** An open port on which an app answers. */
export type Listener = Readonly<{
  /** Accepts no further connection, and finishes the requests under way within `seconds`. */
  drain(seconds: number): Promise<void>
}>

/** Opens a port. Rejects with the system's error when the address cannot be bound. */
export const openListener = (
  app: Pick<App, 'fetch'>,
  address: { host: string; port: number },
  unreadable: Unreadable,
): Promise<Listener> =>
  new Promise((resolve, reject) => {
    const answer = getRequestListener(
      (request, env) => {
        requireHost(env.incoming.headers.host)
        requirePlain(env.incoming.url ?? '')
        return app.fetch(request, env)
      },
      { errorHandler: unreadable.answer },
    )
    const server = createServer(SERVER_OPTIONS, (request, response) => void answer(request, response))
    server.on('clientError', unreadable.refuse)
    // RFC 9110 §10.1.1 – A server may ignore an expectation that it does not know.
    server.on('checkExpectation', (request, response) => server.emit('request', request, response))
    server.on('connection', refuseGone)
    const silent = trackSilent(server)
    // An error after the start belongs to a connection that could not be accepted, and is ignored.
    server.on('error', reject)
    server.listen(address.port, address.host, () =>
      resolve({ drain: seconds => drain(server, silent, seconds) }),
    )
  })

const drain = async (server: Server, silent: Silent, seconds: number): Promise<void> => {
  const sweep = setInterval(() => {
    server.closeIdleConnections()
    silent.close()
  }, SWEEP_MILLISECONDS)
  const deadline = setTimeout(() => server.closeAllConnections(), seconds * 1000)
  await new Promise(resolve => server.close(resolve))
  clearInterval(sweep)
  clearTimeout(deadline)
}

/** RFC 9112 §3.2 – Requires one Host, also beside a target with an authority of its own. */
const requireHost = (host: string | undefined): void => {
  if (host === undefined) throw new RequestError('Missing host header')
  if (!HOST.test(host)) throw new RequestError('Invalid host header')
}
const HOST = /^[^\s,/?#@\\]+$/

/**
 * RFC 3986 §6.2.2 – Refuses a path in any but its normal spelling, so that a proxy's rule, which compares bytes, matches the path that is
 * routed here. Dot segments, a fragment and needless escapes are refused.
 */
const requirePlain = (target: string): void => {
  if (ANOTHER_SPELLING.test(target)) throw new RequestError('Path spelt in another way')
}
const ANOTHER_SPELLING = /^[^?]*(?:#|\/\.{1,2}(?:[/?]|$)|%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e))/i

/** Destroys a connection that the client has already closed: its address is unknown, and must not pass for a proxy's. */
const refuseGone = (socket: Socket): void => {
  if (socket.remoteAddress === undefined) socket.destroy()
}

/** Tracks connections without a byte yet, which browsers open in advance. Node does not count them as idle, and would wait for them. */
const trackSilent = (server: Server) => {
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return {
    close: () => {
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    },
  }
}

type Silent = ReturnType<typeof trackSilent>
