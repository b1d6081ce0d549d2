import { connect, type Socket } from 'node:net'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { createDialer, type Dialer } from './dialer.ts'
import { type Address, createHostRing } from './hosts.ts'

/** Codes of an address that accepts no connection. The Postgres processes of its old connections count as gone. */
const UNREACHABLE = new Set(['', 'ECONNREFUSED', 'ENOENT', 'EHOSTUNREACH', 'EHOSTDOWN', 'ETIMEDOUT'])

/**
 * Tracks the sockets of all connections. `connect_seconds` is the time that an address may take while there is another one to try.
 * `onUnreachable` is called with an address that accepts no connection.
 */
export const trackSockets = (
  addresses: readonly [Address, ...Address[]],
  { connect_seconds, onUnreachable }: { connect_seconds: number; onUnreachable: (address: Address) => void },
) => {
  const hosts = createHostRing(addresses)
  /** The open sockets, with the turn in which each was opened. */
  const sockets = new Map<Socket, number>()
  const doomed = new WeakSet<Socket>()
  let isStopped = false

  const open = (address: Address, onClose: (socket: Socket) => void): Socket => {
    // A connection that a closed pool opens for a statement it still has would take the only one of an embedded database that was opened anew.
    if (isStopped) throw Object.assign(new Error('the pool is closed'), { code: 'CONNECTION_ENDED' })
    const socket = connect(address)
    const failure = watchFailure(socket)
    // TLS compares the certificate with this host.
    Object.assign(socket, address)
    sockets.set(socket, hosts.turn())
    keepListening(socket, () => {
      if (!sockets.delete(socket)) return
      const code = failure()
      if (code !== null && UNREACHABLE.has(code)) onUnreachable(address)
      // Later, because postgres.js handles the close after this listener.
      setImmediate(onClose, socket)
    })
    return socket
  }

  /**
   * Destroys a socket in the next turn of the event loop, after statements of this turn are written: under TLS, a write on a socket that is
   * being destroyed is an error without a listener, and would end the process.
   */
  const destroy = (socket: Socket) => {
    doomed.add(socket)
    hosts.failOver(sockets.get(socket))
    setImmediate(() => socket.destroy())
  }

  return {
    /** The address of the next connection. */
    current: hosts.current,
    createDialer: (onClose: () => void): Dialer =>
      createDialer(
        { hosts, connect_seconds, open, isDoomed: socket => doomed.has(socket), destroy },
        onClose,
      ),
    destroyAll: () => {
      for (const socket of sockets.keys()) destroy(socket)
    },
    /** Destroys all sockets, also those whose end the other side never acknowledges. */
    stop: () => {
      isStopped = true
      for (const socket of sockets.keys()) socket.destroy()
    },
  }
}

/** The code of the error that kept the socket from connecting; empty for an end without an error, null once connected. */
const watchFailure = (socket: Socket): (() => string | null) => {
  let failure: string | null = ''
  socket
    .once('connect', () => {
      failure = null
    })
    .once('error', error => {
      if (failure !== null) failure = errorCodeOf(error) ?? ''
    })
  return () => failure
}

/** Keeps `onClose` on a socket: before it wraps a socket in TLS, postgres.js 3.4.9 removes every listener. */
const keepListening = (socket: Socket, onClose: () => void) => {
  const removeAllListeners = socket.removeAllListeners.bind(socket)
  socket.removeAllListeners = (...event) => {
    removeAllListeners(...event)
    return socket.on('close', onClose)
  }
  socket.on('close', onClose)
}
