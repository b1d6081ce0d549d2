import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Address } from './addresses.ts'

/** The sockets of one connection, one after the other. */
export type Line = Readonly<{
  open: () => Promise<Socket>
  /** What is sent now would be lost: postgres.js 3.4.9 forgets a statement that comes between a socket's error and its close. */
  isEnding: () => boolean
  /** Something is about to be sent: its silence counts from now on. */
  onUse: () => void
  /** The last one was of no use: the next one, of whichever line, leads to another address. */
  leave: () => void
  cut: () => void
}>

/** From the end of a connection to the next attempt: Postgres may be back soon, and is not to be overrun while it is not. */
const PAUSE_MILLISECONDS = 100

/**
 * Every connection of the pool, and the way to be rid of those that died without a word. Postgres says something to each
 * statement within `silence_seconds`, so that one which is silent for longer, and was sent nothing more, is either idle, or dead:
 * neither is a loss. `connect_seconds` is what an address may take while there is another one to try. An address is kept until it
 * is of no use: a connection that merely ends, for its age or idleness, leads to no standby.
 */
export const trackSockets = (
  addresses: readonly [Address, ...Address[]],
  { silence_seconds, connect_seconds }: { silence_seconds: number; connect_seconds: number },
) => {
  /** Each with the turn in which it was opened. */
  const sockets = new Map<Socket, number>()
  const doomed = new WeakSet<Socket>()
  /** What each had said when somebody gave up. */
  let watched = new Map<Socket, number>()
  let watch: NodeJS.Timeout | undefined
  /** Counts the addresses that proved to be of no use. */
  let turn = 0
  let isStopped = false

  const leave = (opened: number | undefined) => {
    if (opened === turn) turn++
  }

  const open = (onClose: (socket: Socket) => void): Socket => {
    const address = addresses[turn % addresses.length] ?? addresses[0]
    const socket = connect(address)
    // The name that TLS asks the certificate for.
    Object.assign(socket, address)
    sockets.set(socket, turn)
    keepListening(socket, () => {
      // The library hears of it after us.
      if (sockets.delete(socket)) setImmediate(onClose, socket)
    })
    if (isStopped) socket.destroy()
    return socket
  }

  /** `onClose` is told when the next one may be opened. */
  const openLine = (onClose: () => void): Line => {
    let current: Socket | undefined
    let opened = turn
    let closed = Number.NEGATIVE_INFINITY
    const openNext = () => {
      opened = turn
      current = open(socket => {
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
      onUse: () => {
        if (current !== undefined) watched.delete(current)
      },
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

  /** From now on; asked again before that time is over, it changes nothing. */
  const cutSilent = () => {
    if (watch !== undefined) return
    watched = new Map([...sockets.keys()].map(socket => [socket, socket.bytesRead]))
    watch = setTimeout(() => {
      watch = undefined
      for (const [socket, bytes] of watched) if (socket.bytesRead === bytes) cut(socket)
      watched.clear()
    }, silence_seconds * 1000).unref()
  }

  const cutAll = () => {
    for (const socket of sockets.keys()) cut(socket)
  }

  /** Also those that the other side will never acknowledge the end of. */
  const stop = () => {
    isStopped = true
    clearTimeout(watch)
    for (const socket of sockets.keys()) socket.destroy()
  }

  return { openLine, cutSilent, cutAll, stop }
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
