import { connect, type Socket } from 'node:net'

type Target = { host: readonly string[]; port: readonly number[]; path: string | false }

export type OpenSocket = (target: Target) => Socket

/**
 * Every connection of the pool, and the way to be rid of those that died without a word. Postgres says something to each
 * statement within statement_timeout, so that one which is silent for longer is either idle, or dead: neither is a loss.
 */
export const trackSockets = (silence_seconds: number) => {
  const sockets = new Set<Socket>()
  let watch: NodeJS.Timeout | undefined
  let turn = 0

  const open = ({ host, port, path }: Target, onClose: () => void): Socket => {
    const index = turn % host.length
    const name = host[index] ?? 'localhost'
    const socket = path ? connect(path) : connect(port[index] ?? 5432, name)
    // The name that TLS asks the certificate for.
    Object.assign(socket, { host: name, port: port[index] })
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      onClose()
      if (turn % host.length === index) turn++
    })
    return socket
  }

  /** From now on; asked again before that time is over, it changes nothing. */
  const cutSilent = () => {
    if (watch !== undefined) return
    const heard = [...sockets].map(socket => ({ socket, bytes: socket.bytesRead }))
    watch = setTimeout(() => {
      watch = undefined
      for (const { socket, bytes } of heard) if (socket.bytesRead === bytes) socket.destroy()
    }, silence_seconds * 1000).unref()
  }

  const cutAll = () => {
    for (const socket of sockets) socket.destroy()
  }

  /** Also those that the other side will never acknowledge the end of. */
  const stop = () => {
    clearTimeout(watch)
    cutAll()
  }

  return { open, cutSilent, cutAll, stop }
}
