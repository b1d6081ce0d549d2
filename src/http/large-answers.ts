import type { HttpBindings } from '@hono/node-server'
import { limitKeyOf } from '../domain/address.ts'
import { Problem } from '../domain/problem.ts'
import { Unavailable } from '../domain/unavailable.ts'
import { createWaitingRoom } from '../flows/waiting-room.ts'

/** Beyond this an answer does not fit into what the system buffers for a connection, and stays in memory until it is read. */
const LARGE_BYTES = 65_536
/** Large answers that are on their way at once: some 2 MB each. */
const MOST = { in_all: 64, of_one: 24 }
const RETRY_AFTER_SECONDS = 1

type Sent = Readonly<{ bytes: number; ip: string; outgoing: HttpBindings['outgoing'] }>

/**
 * Ours – Counts large answers until they are sent: clients that ask and do not read would fill the memory. One that is not read in
 * time ends with its connection. Throws a Problem for an address with too many, and Unavailable when there are too many in all.
 */
export const createLargeAnswers = ({ seconds = 30 }: Readonly<{ seconds?: number }> = {}) => {
  const room = createWaitingRoom(MOST)
  return ({ bytes, ip, outgoing }: Sent): void => {
    if (bytes < LARGE_BYTES || outgoing.closed) return
    const leave = room.enter(limitKeyOf(ip))
    if (leave === 'taken') throw new Problem('RATE_LIMITED', 'large_answers', [], RETRY_AFTER_SECONDS)
    if (leave === 'full') throw new Unavailable('answers', RETRY_AFTER_SECONDS)
    const timer = setTimeout(() => outgoing.destroy(), seconds * 1000).unref()
    outgoing.once('close', () => {
      clearTimeout(timer)
      leave()
    })
  }
}
