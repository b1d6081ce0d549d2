import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { App } from './app.ts'
import type { Unreadable } from './malformed-requests.ts'

/** Slow clients are cut off; a request is small. */
const SERVER_OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16_384,
  // Who has none is told by us, with a request id.
  requireHostHeader: false,
  // RFC 9112 §3.2 – Node would pass over a second Host: joined, the two are none.
  joinDuplicateHeaders: true,
}

const SWEEP_MILLISECONDS = 50

/** A port that an app answers on. */
export type Listener = Readonly<{
  /** Takes nothing new and finishes what is under way, within so many seconds. */
  drain(seconds: number): Promise<void>
}>

/** Rejects with the system's error when the address cannot be had. */
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
    // RFC 9110 §10.1.1 – What else is expected may be passed over.
    server.on('checkExpectation', (request, response) => server.emit('request', request, response))
    server.on('connection', refuseGone)
    const silent = trackSilent(server)
    // A later one is of a connection that could not be accepted: it is nobody's yet.
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

/** RFC 9112 §3.2 – One Host, also beside a target that names its own. */
const requireHost = (host: string | undefined): void => {
  if (host === undefined) throw new RequestError('Missing host header')
  if (!HOST.test(host)) throw new RequestError('Invalid host header')
}
const HOST = /^[^\s,/?#@\\]+$/

/**
 * RFC 3986 §6.2.2 – A path has one spelling here: a rule of a proxy that compares its bytes is to mean what we read. No dot segments, no
 * fragment, nothing escaped that need not be.
 */
const requirePlain = (target: string): void => {
  if (ANOTHER_SPELLING.test(target)) throw new RequestError('Path spelt in another way')
}
const ANOTHER_SPELLING = /^[^?]*(?:#|\/\.{1,2}(?:[/?]|$)|%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e))/i

/** Who was gone before we came has no address any more, and none that may be taken for a proxy's. Read here, it is remembered. */
const refuseGone = (socket: Socket): void => {
  if (socket.remoteAddress === undefined) socket.destroy()
}

/** Connections on which nothing has come yet, as browsers open them in advance: to Node they are not idle, and it would wait for them. */
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
