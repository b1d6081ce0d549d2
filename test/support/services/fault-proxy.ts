import { connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy that fails as networks and servers do. */
export type FaultProxy = Readonly<{
  port: number
  /** Ends every connection at once; new ones are served. */
  cut: () => void
  /** Likewise, with a TCP reset, as when the other side dies with unread data. */
  reset: () => void
  /** Keeps every connection open and passes nothing on, either way, as a machine that is gone. New ones wait too. */
  stall: () => void
  /** Passes on again what new connections send; those that stalled stay dead. */
  heal: () => void
  /** New connections wait, until what it returns is called: once for all. */
  hold: () => () => void
  /** Cuts, and refuses new connections, until `accept`. */
  refuse: () => Promise<void>
  accept: () => Promise<void>
  close: () => Promise<void>
}>

export const openFaultProxy = async (target: { host: string; port: number }): Promise<FaultProxy> => {
  const sockets = new Set<Socket>()
  let isStalled = false
  let opening = Promise.resolve()

  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  }
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const reset = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  const stall = () => {
    isStalled = true
    for (const socket of sockets) socket.unpipe().pause()
  }
  const pass = (near: Socket) => {
    const far = connect(target)
    track(far)
    near.pipe(far).pipe(near)
    near.once('close', () => far.destroy())
    far.once('close', () => near.destroy())
  }
  const create = () =>
    createServer(near => {
      track(near)
      if (!isStalled) void opening.then(() => pass(near))
    })

  let server = create()
  const port = await listen(server, 0)
  const refuse = async () => {
    cut()
    await end(server)
  }
  const accept = async () => {
    server = create()
    await listen(server, port)
  }
  const heal = () => {
    isStalled = false
  }
  const hold = () => {
    let release = () => {}
    opening = new Promise(resolve => {
      release = resolve
    })
    return release
  }
  return { port, cut, reset, stall, heal, hold, refuse, accept, close: refuse }
}

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })

const end = (server: Server): Promise<void> => new Promise(resolve => server.close(() => resolve()))
