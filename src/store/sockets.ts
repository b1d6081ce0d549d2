import { connect, type Socket } from 'node:net'

type Target = { host: readonly string[]; port: readonly number[]; path: string | false }

export type OpenSocket = (target: Target) => Socket

/** The sockets of one connection, one after the other. */
export type Line = Readonly<{
  open: OpenSocket
  /** What is sent now would be lost: postgres.js 3.4.9 forgets a statement that comes between a socket's error and its close. */
  isEnding: () => boolean
}>

/**
 * Every connection of the pool, and the way to be rid of those that died without a word. Postgres says something to each
 * statement within statement_timeout, so that one which is silent for longer is either idle, or dead: neither is a loss.
 */
export const trackSockets = (silence_seconds: number) => {
  const sockets = new Set<Socket>()
  const doomed = new WeakSet<Socket>()
  let watch: NodeJS.Timeout | undefined
  let turn = 0

  const open = ({ host, port, path }: Target, onClose: (socket: Socket) => void): Socket => {
    const index = turn % host.length
    const name = host[index] ?? 'localhost'
    const socket = path ? connect(path) : connect(port[index] ?? 5432, name)
    // The name that TLS asks the certificate for.
    Object.assign(socket, { host: name, port: port[index] })
    sockets.add(socket)
    keepListening(socket, () => {
      if (!sockets.delete(socket)) return
      if (turn % host.length === index) turn++
      // The library hears of it after us.
      setImmediate(onClose, socket)
    })
    return socket
  }

  /** `onClose` is told when the next one may be opened. */
  const openLine = (onClose: () => void): Line => {
    let current: Socket | undefined
    const forget = (socket: Socket) => {
      if (current === socket) current = undefined
      onClose()
    }
    return {
      open: target => {
        current = open(target, forget)
        return current
      },
      isEnding: () => current !== undefined && (current.destroyed || doomed.has(current)),
    }
  }

  /**
   * What was handed to the library in this turn is written first: under TLS, a write on a socket that is being destroyed is an error
   * that nobody listens to any more, and would end the process.
   */
  const cut = (socket: Socket) => {
    doomed.add(socket)
    setImmediate(() => socket.destroy())
  }

  /** From now on; asked again before that time is over, it changes nothing. */
  const cutSilent = () => {
    if (watch !== undefined) return
    const heard = [...sockets].map(socket => ({ socket, bytes: socket.bytesRead }))
    watch = setTimeout(() => {
      watch = undefined
      for (const { socket, bytes } of heard) if (socket.bytesRead === bytes) cut(socket)
    }, silence_seconds * 1000).unref()
  }

  const cutAll = () => {
    for (const socket of sockets) cut(socket)
  }

  /** Also those that the other side will never acknowledge the end of. */
  const stop = () => {
    clearTimeout(watch)
    for (const socket of sockets) socket.destroy()
  }

  return { openLine, cutSilent, cutAll, stop }
}

/** Before it wraps a socket in TLS, the library takes everybody's listeners off it: nobody would hear of its end. */
const keepListening = (socket: Socket, onClose: () => void) => {
  const removeAllListeners = socket.removeAllListeners.bind(socket)
  socket.removeAllListeners = (...event) => {
    removeAllListeners(...event)
    return socket.on('close', onClose)
  }
  socket.on('close', onClose)
}
