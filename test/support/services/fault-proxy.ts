import { connect, createServer, type Server, type Socket } from 'node:net'
import { Transform } from 'node:stream'

/** A TCP proxy that fails as networks and servers do. */
export type FaultProxy = Readonly<{
  port: number
  /** Ends every connection. New connections are served. */
  cut: () => void
  /** Ends every connection with a TCP reset, as when the other side dies with unread data. */
  reset: () => void
  /** Keeps every connection open and passes nothing on in either direction, as when a machine is gone. New connections wait too. */
  stall: () => void
  /** Serves new connections again. The stalled ones stay dead. */
  heal: () => void
  /** Passes on what is sent to the target, and drops its answers on the present connections. */
  loseAnswers: () => void
  /** Keeps back what is sent to the target, until the returned function is called. */
  suspend: () => () => void
  /** Lets each piece of an answer wait for a random time of as many milliseconds, at most. */
  slow: (most_milliseconds: number) => void
  /** Lets new connections wait until the returned function is called. */
  hold: () => () => void
  /** Ends every connection and refuses new ones until `accept`. */
  refuse: () => Promise<void>
  accept: () => Promise<void>
  close: () => Promise<void>
}>

export const openFaultProxy = async (target: { host: string; port: number }): Promise<FaultProxy> => {
  const sockets = new Set<Socket>()
  /** The two ends of each connection that is passed on. */
  const pairs = new Map<Socket, Socket>()
  let isStalled = false
  let slowness_milliseconds = 0
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
    pairs.set(near, far)
    near.pipe(far).pipe(slowly()).pipe(near)
    near.once('close', () => {
      pairs.delete(near)
      far.destroy()
    })
    far.once('close', () => near.destroy())
  }
  const slowly = () =>
    new Transform({
      transform: (chunk, _encoding, done) => {
        if (slowness_milliseconds === 0) return done(null, chunk)
        setTimeout(done, Math.random() * slowness_milliseconds, null, chunk)
      },
    })
  const loseAnswers = () => {
    for (const far of pairs.values()) far.unpipe().resume()
  }
  const suspend = () => {
    const suspended = [...pairs.keys()]
    for (const near of suspended) near.pause()
    return () => {
      for (const near of suspended) near.resume()
    }
  }
  const slow = (most_milliseconds: number) => {
    slowness_milliseconds = most_milliseconds
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
  return { port, cut, reset, stall, heal, hold, loseAnswers, suspend, slow, refuse, accept, close: refuse }
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
