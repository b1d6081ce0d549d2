import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Clock } from '../../ports/effects.ts'

/** The most bytes of answers that the cache keeps. */
const KEPT_BYTES = 32 * 1024 * 1024
const KEPT_MOST = 256
/** The most answers that are made at once: a large one takes some 10 MB until it is signed. */
const MAKING_MOST = 4
/** The most requests in each of the two queues. */
const QUEUE_MOST = 200

type Made<A> = Readonly<{ answer: Promise<A>; version: number; made_at: number }>

type Needs<A> = Readonly<{ clock: Clock; sizeOf: (answer: A) => number; reuse_milliseconds: number }>

/**
 * Ours – A cache of answers, so that requests for the same answer cause one signature. An answer is reused for some time, as long as its
 * content has the same version. The cache bounds its bytes, and the number of answers that are made at once.
 */
export const createAnswerCache = <A>({ clock, sizeOf, reuse_milliseconds }: Needs<A>) => {
  const kept = new Map<string, Made<A>>()
  const sizes = new Map<string, number>()
  const first: (() => void)[] = []
  const queue: (() => void)[] = []
  let bytes = 0
  let making = 0

  const forget = (key: string) => {
    kept.delete(key)
    bytes -= sizes.get(key) ?? 0
    sizes.delete(key)
  }
  const forgetOldest = () => {
    for (const key of kept.keys()) {
      if (bytes <= KEPT_BYTES && kept.size <= KEPT_MOST) return
      forget(key)
    }
  }

  const weigh = (key: string, size: number) => {
    sizes.set(key, size)
    bytes += size
    forgetOldest()
  }

  /** A semaphore with two queues, each first in, first out. A turn that ends goes to the first queue before the other. */
  const takeTurn = async (isFirst: boolean): Promise<void> => {
    const line = isFirst ? first : queue
    if (making < MAKING_MOST) making += 1
    else if (line.length >= QUEUE_MOST) throw new Unavailable('answers', 1)
    else await new Promise<void>(resolve => line.push(resolve))
  }
  const endTurn = () => {
    const next = first.shift() ?? queue.shift()
    if (next === undefined) making -= 1
    else next()
  }
  const inTurn = async (make: () => Promise<A>, isFirst: boolean): Promise<A> => {
    await takeTurn(isFirst)
    try {
      return await make()
    } finally {
      endTurn()
    }
  }

  return {
    recall: (key: string, version: number): Promise<A> | null => {
      const known = kept.get(key)
      if (known === undefined || known.version !== version) return null
      const age = clock().getTime() - known.made_at
      return age >= 0 && age < reuse_milliseconds ? known.answer : null
    },
    /** Makes an answer and keeps it. Rejects with Unavailable when the queue is full. `isFirst` chooses the queue that goes first. */
    make: (key: string, version: number, make: () => Promise<A>, isFirst = false): Promise<A> => {
      forget(key)
      const made = { answer: inTurn(make, isFirst), version, made_at: clock().getTime() }
      kept.set(key, made)
      const isKept = () => kept.get(key) === made
      made.answer.then(
        answer => isKept() && weigh(key, sizeOf(answer)),
        () => isKept() && forget(key),
      )
      return made.answer
    },
  }
}
