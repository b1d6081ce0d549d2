import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import type { Address } from './hosts.ts'

/** The sockets of one connection, one after the other. */
export type SocketLine = Readonly<{
  open: () => Promise<Socket>
  /** What is sent now would be lost: postgres.js 3.4.9 forgets a statement that comes between a socket's error and its close. */
  isEnding: () => boolean
  /** Where its socket leads to, or the last one did. */
  address: () => Address
  /** The last one was of no use: the next one, of whichever line, leads to another address. */
  leave: () => void
  cut: () => void
}>

/** From the end of a connection to the next attempt: Postgres may be back soon, and is not to be overrun while it is not. */
const PAUSE_MILLISECONDS = 100

/** Nothing listens there, or nothing answers: no new connection can be made, and the processes of the old ones take no place. */
const UNREACHABLE = new Set(['', 'ECONNREFUSED', 'ENOENT', 'EHOSTUNREACH', 'EHOSTDOWN', 'ETIMEDOUT'])

/**
 * Every connection of the pool. `connect_seconds` is what an address may take while there is another one to try. An address is kept
 * until it is of no use: a connection that merely ends, for its age or idleness, leads to no standby. `onUnreachable` is told of an
 * address that takes no connection.
 */
export const trackSockets = (
  addresses: readonly [Address, ...Address[]],
  { connect_seconds, onUnreachable }: { connect_seconds: number; onUnreachable: (address: Address) => void },
) => {
  /** Each with the turn in which it was opened. */
  const sockets = new Map<Socket, number>()
  const doomed = new WeakSet<Socket>()
  /** Counts the addresses that proved to be of no use. */
  let turn = 0
  let isStopped = false

  const leave = (opened: number | undefined) => {
    if (opened === turn) turn++
  }

  const open = (address: Address, onClose: (socket: Socket) => void): Socket => {
    const socket = connect(address)
    let failure: string | null = ''
    socket
      .once('connect', () => {
        failure = null
      })
      .once('error', error => {
        if (failure !== null) failure = errorCodeOf(error) ?? ''
      })
    // The name that TLS asks the certificate for.
    Object.assign(socket, address)
    sockets.set(socket, turn)
    keepListening(socket, () => {
      if (!sockets.delete(socket)) return
      if (failure !== null && UNREACHABLE.has(failure)) onUnreachable(address)
      // The library hears of it after us.
      setImmediate(onClose, socket)
    })
    if (isStopped) socket.destroy()
    return socket
  }

  /** `onClose` is told when the next one may be opened. */
  const openLine = (onClose: () => void): SocketLine => {
    let current: Socket | undefined
    let opened = turn
    let closed = Number.NEGATIVE_INFINITY
    let address = addresses[0]
    const openNext = () => {
      opened = turn
      address = addresses[turn % addresses.length] ?? addresses[0]
      current = open(address, socket => {
        // An address of several that did not answer: the next one was asked.
        if (current !== socket) return
        current = undefined
        closed = performance.now()
        onClose()
      })
      return current
    }
    return {
      // The library knows of one host: of several it would keep the failures to itself.
      open: async () => {
        const rest = closed + PAUSE_MILLISECONDS - performance.now()
        // Never at once: what fails in this turn would fail before the library listens, and end the process.
        await (rest > 0 ? pause(rest) : null)
        for (let others = addresses.length - 1; others > 0; others--) {
          const socket = openNext()
          if (await connects(socket, connect_seconds)) return socket
          leave(opened)
        }
        return openNext()
      },
      isEnding: () => current !== undefined && (current.destroyed || doomed.has(current)),
      address: () => address,
      leave: () => leave(opened),
      cut: () => {
        if (current !== undefined) cut(current)
      },
    }
  }

  /**
   * What was handed to the library in this turn is written first: under TLS, a write on a socket that is being destroyed is an error
   * that nobody listens to any more, and would end the process.
   */
  const cut = (socket: Socket) => {
    doomed.add(socket)
    leave(sockets.get(socket))
    setImmediate(() => socket.destroy())
  }

  const cutAll = () => {
    for (const socket of sockets.keys()) cut(socket)
  }

  /** Also those that the other side will never acknowledge the end of. */
  const stop = () => {
    isStopped = true
    for (const socket of sockets.keys()) socket.destroy()
  }

  return { openLine, cutAll, stop }
}

/** Whether it connects, within so many seconds. */
const connects = (socket: Socket, seconds: number): Promise<boolean> =>
  new Promise(resolve => {
    const timer = setTimeout(() => socket.destroy(), seconds * 1000)
    const settle = (isConnected: boolean) => () => {
      clearTimeout(timer)
      resolve(isConnected)
    }
    // An error is followed by the close.
    socket
      .once('connect', settle(true))
      .once('close', settle(false))
      .on('error', () => {})
  })

/** Before it wraps a socket in TLS, the library takes everybody's listeners off it: nobody would hear of its end. */
const keepListening = (socket: Socket, onClose: () => void) => {
  const removeAllListeners = socket.removeAllListeners.bind(socket)
  socket.removeAllListeners = (...event) => {
    removeAllListeners(...event)
    return socket.on('close', onClose)
  }
  socket.on('close', onClose)
}
