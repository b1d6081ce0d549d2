import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Address, HostRing } from './hosts.ts'

/** Opens the sockets of one connection, one after the other. */
export type Dialer = Readonly<{
  connect: () => Promise<Socket>
  /** What is sent now would be lost: postgres.js 3.4.9 forgets a statement that comes between a socket's error and its close. */
  isEnding: () => boolean
  /** Where its socket leads to, or the last one did. */
  address: () => Address
  /** The last one was of no use: the next one, of whichever connection, leads to another address. */
  failOver: () => void
  destroy: () => void
}>

type Needs = Readonly<{
  hosts: HostRing
  /** What an address may take while there is another one to try. */
  connect_seconds: number
  open: (address: Address, onClose: (socket: Socket) => void) => Socket
  isDoomed: (socket: Socket) => boolean
  destroy: (socket: Socket) => void
}>

/** From the end of a connection to the next attempt: Postgres may be back soon, and is not to be overrun while it is not. */
const PAUSE_MILLISECONDS = 100

/** `onClose` is told when the next one may be opened. */
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
      // An address of several that did not answer: the next one was asked.
      if (current !== socket) return
      current = undefined
      closed = performance.now()
      onClose()
    })
    return current
  }

  return {
    // postgres.js knows of one host: of several it would keep the failures to itself.
    connect: async () => {
      const rest = closed + PAUSE_MILLISECONDS - performance.now()
      // Never at once: what fails in this turn would fail before postgres.js listens, and end the process.
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
