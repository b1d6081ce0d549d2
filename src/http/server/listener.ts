import { createServer, type Server } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
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
/** Seconds for the requests that are under way when the idle connections are closed. */
export const FINISH_SECONDS = 10
/** Seconds for which idle connections stay open after the port has closed: longer than proxies are told to keep one idle. */
export const IDLE_SECONDS = 5

type Grace = Readonly<{
  /** For which a client may still send a request on an idle connection. */
  idle_seconds: number
  /** After `idle_seconds`, for the requests under way. */
  finish_seconds: number
}>

/** An open port on which an app answers. */
export type Listener = Readonly<{
  /** Accepts no further connection. Those that are open stay open, and are answered. */
  stopListening(): Promise<void>
  /** Stops listening, and resolves when no connection is left. Closes the idle ones after `idle_seconds`, every other one `finish_seconds` later. */
  close(grace: Grace): Promise<void>
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
        if (isBareCheck(env.incoming)) return app.fetch(new Request(READINESS), env)
        requireHost(env.incoming)
        requirePlain(env.incoming.url ?? '')
        return app.fetch(request, env)
      },
      { errorHandler: unreadable.answer, hostname: 'localhost' },
    )
    const server = createServer(SERVER_OPTIONS, (request, response) => void answer(request, response))
    server.on('clientError', unreadable.refuse)
    // RFC 9110 §10.1.1 – A server may ignore an expectation that it does not know.
    server.on('checkExpectation', (request, response) => server.emit('request', request, response))
    server.on('connection', refuseGone)
    const silent = trackSilent(server)
    const closed = new Promise<void>(done => server.once('close', done))
    // An error after the start belongs to a connection that could not be accepted, and is ignored.
    server.on('error', reject)
    server.listen(address.port, address.host, () =>
      resolve({
        stopListening: () => stopListening(server),
        close: async grace => {
          await stopListening(server)
          await endConnections({ server, silent, closed }, grace)
        },
      }),
    )
  })

/** `server.close()` of HTTP would also close the idle connections, on one of which a proxy may be sending a request that it must not repeat. */
const stopListening = async (server: Server): Promise<void> => {
  if (!server.listening) return
  await new Promise<void>(resolve => inQuietTurn(resolve))
  NetServer.prototype.close.call(server)
}

/** `closed` resolves when no connection is left. */
type Ending = Readonly<{ server: Server; silent: Silent; closed: Promise<void> }>

const endConnections = async (
  { server, silent, closed }: Ending,
  { idle_seconds, finish_seconds }: Grace,
): Promise<void> => {
  const began = performance.now()
  const sweep = setInterval(() => {
    if (performance.now() - began < idle_seconds * 1000) return
    server.closeIdleConnections()
    silent.sweep()
  }, SWEEP_MILLISECONDS)
  const deadline = setTimeout(() => server.closeAllConnections(), (idle_seconds + finish_seconds) * 1000)
  await closed
  clearInterval(sweep)
  clearTimeout(deadline)
}

/**
 * Calls `work` right after a turn of the event loop in which nothing was to be done. A socket that stops to listen resets the connections
 * that it has not accepted yet, and with them requests that a proxy must not repeat. After a quiet turn there is hardly one, and a proxy
 * that keeps its connections opens none.
 */
const inQuietTurn = (work: () => void): void => {
  const began = performance.now()
  const look = (last: number) => {
    setImmediate(() => {
      const now = performance.now()
      if (now - last < QUIET_MILLISECONDS || now - began > QUIET_WITHIN_MILLISECONDS) work()
      else look(now)
    })
  }
  look(began)
}
const QUIET_MILLISECONDS = 0.1
const QUIET_WITHIN_MILLISECONDS = 2000

/** The first lines of a request. */
type Head = Readonly<{
  method?: string | undefined
  url?: string | undefined
  httpVersion: string
  headers: Readonly<{ host?: string | undefined }>
}>

/**
 * RFC 9112 §3.2 – Requires one Host, also beside a target with an authority of its own. A request in HTTP/1.0 may lack the header; ours: at
 * the probes alone, which HAProxy asks in this way.
 */
const requireHost = ({ headers: { host }, httpVersion, url = '' }: Head): void => {
  if (host === undefined && httpVersion === '1.0' && PROBES.has(url)) return
  if (host === undefined) throw new RequestError('Missing host header')
  if (!HOST.test(host)) throw new RequestError('Invalid host header')
}
const HOST = /^[^\s,/?#@\\]+$/
const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz'])

/** `OPTIONS / HTTP/1.0` without Host: what HAProxy sends for `option httpchk` without arguments. It is answered as `/readyz` is. */
const isBareCheck = ({ method, url, httpVersion, headers: { host } }: Head): boolean =>
  method === 'OPTIONS' && url === '/' && httpVersion === '1.0' && host === undefined
const READINESS = 'http://localhost/readyz'

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

/**
 * Tracks connections without a byte yet, which browsers open in advance. Node does not count them as idle, and would wait for them. A
 * connection is closed when several sweeps have met it without a byte: the request of a young one may not have been read yet.
 */
const trackSilent = (server: Server) => {
  const sweepsOf = new Map<Socket, number>()
  server.on('connection', socket => {
    sweepsOf.set(socket, 0)
    socket.once('close', () => sweepsOf.delete(socket))
  })
  return {
    sweep: () => {
      for (const [socket, sweeps] of sweepsOf) {
        if (socket.bytesRead > 0) continue
        if (sweeps < SILENT_SWEEPS) sweepsOf.set(socket, sweeps + 1)
        else socket.destroy()
      }
    },
  }
}
const SILENT_SWEEPS = 10

type Silent = ReturnType<typeof trackSilent>
