import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Address, HostRing } from './hosts.ts'

/** Opens the sockets of one connection, one after the other, and fails over to the next host. */
export type Dialer = Readonly<{
  connect: () => Promise<Socket>
  /** True while a statement would be lost: postgres.js 3.4.9 drops one that comes between a socket's error and its close. */
  isEnding: () => boolean
  /** The address of the present or the last socket. */
  address: () => Address
  /** The last address was of no use: the next socket, of any connection, is opened to another one. */
  failOver: () => void
  destroy: () => void
}>

type Needs = Readonly<{
  hosts: HostRing
  /** Seconds that an address may take while there is another one to try. */
  connect_seconds: number
  open: (address: Address, onClose: (socket: Socket) => void) => Socket
  isDoomed: (socket: Socket) => boolean
  destroy: (socket: Socket) => void
}>

/** Pause between the end of a connection and the next attempt, so that a Postgres that is down is not flooded with attempts. */
const PAUSE_MILLISECONDS = 100

/** `onClose` is called when the next socket may be opened. */
export const createDialer = (
  { hosts, connect_seconds, open, isDoomed, destroy }: Needs,
  onClose: () => void,
): Dialer => {
  let current: Socket | undefined
  let turn = hosts.turn()
  let address = hosts.current()
  let closed = Number.NEGATIVE_INFINITY

  const connectNext = () => {
    turn = hosts.turn()
    address = hosts.current()
    current = open(address, socket => {
      // One of several addresses did not answer, and the next one is being tried.
      if (current !== socket) return
      current = undefined
      closed = performance.now()
      onClose()
    })
    return current
  }

  return {
    // postgres.js gets one host: with several, it would not report their failures.
    connect: async () => {
      const rest = closed + PAUSE_MILLISECONDS - performance.now()
      // Never in this turn of the event loop: a failure would come before postgres.js listens, and end the process.
      await (rest > 0 ? pause(rest) : null)
      for (let others = hosts.size - 1; others > 0; others--) {
        const socket = connectNext()
        if (await connects(socket, connect_seconds)) return socket
        hosts.failOver(turn)
      }
      return connectNext()
    },
    isEnding: () => current !== undefined && (current.destroyed || isDoomed(current)),
    address: () => address,
    failOver: () => hosts.failOver(turn),
    destroy: () => {
      if (current !== undefined) destroy(current)
    },
  }
}

/** True when the socket connects within the given seconds. */
const connects = (socket: Socket, seconds: number): Promise<boolean> =>
  new Promise(resolve => {
    const timer = setTimeout(() => socket.destroy(), seconds * 1000)
    const settle = (isConnected: boolean) => () => {
      clearTimeout(timer)
      resolve(isConnected)
    }
    // A close follows each error.
    socket
      .once('connect', settle(true))
      .once('close', settle(false))
      .on('error', () => {})
  })
