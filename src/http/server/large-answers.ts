import type { HttpBindings } from '@hono/node-server'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { Problem } from '../../domain/base/problem.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'

/** Beyond this an answer does not fit into what the system buffers for a connection, and stays in memory until it is read. */
const LARGE_BYTES = 65_536
/** Distinct bodies that are on their way at once: some 2 MB each, however many read them. */
const BODIES_MOST = 64
/** Those among them that one address reads. */
const BODIES_OF_ONE_MOST = 8
const RETRY_AFTER_SECONDS = 1

type Sent = Readonly<{ body: Uint8Array; ip: string; outgoing: HttpBindings['outgoing'] }>
/** How many read each body: in all, or from one address. */
type Readers = Map<Uint8Array, number>

/**
 * Ours – Counts the large bodies that are in memory until they are sent: clients that ask and do not read would fill it. Many that
 * read the same one cost what one costs, and are never refused for others that read it. A reader that is not done in time ends with
 * its connection. Throws a Problem for an address that reads too many bodies, and Unavailable when there are too many in all.
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
