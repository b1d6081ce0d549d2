import { connect, type Socket } from 'node:net'

type Target = { host: readonly string[]; port: readonly number[]; path: string | false }

export type OpenSocket = (target: Target) => Socket

/** What the pool is told of a connection: from the first on nothing may be sent on it, from the second on the next may be opened. */
export type Ends = Readonly<{ onCut: () => void; onClose: () => void }>

/**
 * Every connection of the pool, and the way to be rid of those that died without a word. Postgres says something to each
 * statement within statement_timeout, so that one which is silent for longer is either idle, or dead: neither is a loss.
 */
export const trackSockets = (silence_seconds: number) => {
  const sockets = new Map<Socket, () => void>()
  let watch: NodeJS.Timeout | undefined
  let turn = 0

  const open = ({ host, port, path }: Target, { onCut, onClose }: Ends): Socket => {
    const index = turn % host.length
    const name = host[index] ?? 'localhost'
    const socket = path ? connect(path) : connect(port[index] ?? 5432, name)
    // The name that TLS asks the certificate for.
    Object.assign(socket, { host: name, port: port[index] })
    sockets.set(socket, onCut)
    keepListening(socket, () => {
      if (!sockets.delete(socket)) return
      onClose()
      if (turn % host.length === index) turn++
    })
    return socket
  }

  /**
   * What was handed to the library in this turn is written first: under TLS, a write on a socket that is being destroyed is an error
   * that nobody listens to any more, and would end the process.
   */
  const cut = (socket: Socket) => {
    sockets.get(socket)?.()
    setImmediate(() => socket.destroy())
  }

  /** From now on; asked again before that time is over, it changes nothing. */
  const cutSilent = () => {
    if (watch !== undefined) return
    const heard = [...sockets.keys()].map(socket => ({ socket, bytes: socket.bytesRead }))
    watch = setTimeout(() => {
      watch = undefined
      for (const { socket, bytes } of heard) if (socket.bytesRead === bytes) cut(socket)
    }, silence_seconds * 1000).unref()
  }

  const cutAll = () => {
    for (const socket of sockets.keys()) cut(socket)
  }

  /** Also those that the other side will never acknowledge the end of. */
  const stop = () => {
    clearTimeout(watch)
    for (const socket of sockets.keys()) socket.destroy()
  }

  return { open, cutSilent, cutAll, stop }
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
