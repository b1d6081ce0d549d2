import type { HttpBindings } from '@hono/node-server'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { Problem } from '../../domain/refusals/problem.ts'

/** A larger answer does not fit into the socket's buffer, and stays in memory until the client has read it. */
const LARGE_BYTES = 65_536
/** The most distinct bodies that are being sent at once: some 2 MB each, however many clients read one. */
const BODIES_MOST = 64
/** The most distinct bodies that one address reads at once. */
const BODIES_OF_ONE_MOST = 8
const RETRY_AFTER_SECONDS = 1

type Sent = Readonly<{ body: Uint8Array; ip: string; outgoing: HttpBindings['outgoing'] }>
/** The number of readers of each body, in all or from one address. */
type Readers = Map<Uint8Array, number>

/**
 * Ours – Counts the large bodies that are held in memory until they are sent: clients that do not read their answers could fill the memory.
 * Any number of readers of one body cost one body, and none of them is refused for the others. A reader that takes too long loses its
 * connection. Throws a Problem for an address that reads too many bodies, and Unavailable when there are too many in all.
 */
export const createLargeAnswers = ({ seconds = 30 }: Readonly<{ seconds?: number }> = {}) => {
  const inAll: Readers = new Map()
  const byAddress = new Map<string, Readers>()

  /** Throws before anything is counted. */
  const enter = (body: Uint8Array, address: string): (() => void) => {
    const ofOne: Readers = byAddress.get(address) ?? new Map()
    if (!ofOne.has(body) && ofOne.size >= BODIES_OF_ONE_MOST)
      throw new Problem('RATE_LIMITED', { reason: 'large_answers', retry_after_seconds: RETRY_AFTER_SECONDS })
    if (!inAll.has(body) && inAll.size >= BODIES_MOST) throw new Unavailable('answers', RETRY_AFTER_SECONDS)
    byAddress.set(address, ofOne)
    for (const readers of [inAll, ofOne]) readers.set(body, (readers.get(body) ?? 0) + 1)
    return () => {
      for (const readers of [inAll, ofOne]) leave(readers, body)
      if (ofOne.size === 0) byAddress.delete(address)
    }
  }

  return ({ body, ip, outgoing }: Sent): void => {
    if (body.length < LARGE_BYTES || outgoing.closed) return
    const done = enter(body, limitKeyOf(ip))
    const timer = setTimeout(() => outgoing.destroy(), seconds * 1000).unref()
    outgoing.once('close', () => {
      clearTimeout(timer)
      done()
    })
  }
}

const leave = (readers: Readers, body: Uint8Array): void => {
  const left = (readers.get(body) ?? 1) - 1
  if (left === 0) readers.delete(body)
  else readers.set(body, left)
}
