import { connect, type Socket } from 'node:net'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { createDialer, type Dialer } from './dialer.ts'
import { type Address, createHostRing } from './hosts.ts'

/** Nothing listens there, or nothing answers: no new connection can be made, and the processes of the old ones take no place. */
const UNREACHABLE = new Set(['', 'ECONNREFUSED', 'ENOENT', 'EHOSTUNREACH', 'EHOSTDOWN', 'ETIMEDOUT'])

/**
 * The sockets of all connections. `connect_seconds` is what an address may take while there is another one to try. `onUnreachable` is
 * told of an address that takes no connection.
 */
export const trackSockets = (
  addresses: readonly [Address, ...Address[]],
  { connect_seconds, onUnreachable }: { connect_seconds: number; onUnreachable: (address: Address) => void },
) => {
  const hosts = createHostRing(addresses)
  /** Each with the turn in which it was opened. */
  const sockets = new Map<Socket, number>()
  const doomed = new WeakSet<Socket>()
  let isStopped = false

  const open = (address: Address, onClose: (socket: Socket) => void): Socket => {
    const socket = connect(address)
    const failure = watchFailure(socket)
    // The name that TLS asks the certificate for.
    Object.assign(socket, address)
    sockets.set(socket, hosts.turn())
    keepListening(socket, () => {
      if (!sockets.delete(socket)) return
      const code = failure()
      if (code !== null && UNREACHABLE.has(code)) onUnreachable(address)
      // postgres.js hears of it after us.
      setImmediate(onClose, socket)
    })
    if (isStopped) socket.destroy()
    return socket
  }

  /**
   * What was handed to postgres.js in this turn is written first: under TLS, a write on a socket that is being destroyed is an error
   * without a listener, and would end the process.
   */
  const destroy = (socket: Socket) => {
    doomed.add(socket)
    hosts.failOver(sockets.get(socket))
    setImmediate(() => socket.destroy())
  }

  return {
    createDialer: (onClose: () => void): Dialer =>
      createDialer(
        { hosts, connect_seconds, open, isDoomed: socket => doomed.has(socket), destroy },
        onClose,
      ),
    destroyAll: () => {
      for (const socket of sockets.keys()) destroy(socket)
    },
    /** Also those that the other side will never acknowledge the end of. */
    stop: () => {
      isStopped = true
      for (const socket of sockets.keys()) socket.destroy()
    },
  }
}

/** Why it never connected: a code, or the empty string for an end without an error. Null once it has. */
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

/** Before it wraps a socket in TLS, postgres.js 3.4.9 takes every listener off it, also ours that waits for its end. */
const keepListening = (socket: Socket, onClose: () => void) => {
  const removeAllListeners = socket.removeAllListeners.bind(socket)
  socket.removeAllListeners = (...event) => {
    removeAllListeners(...event)
    return socket.on('close', onClose)
  }
  socket.on('close', onClose)
}
