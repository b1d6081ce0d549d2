import type { Sql } from 'postgres'
import type { Checkout } from './checkout.ts'
import { type Connection, type CreateSource, createConnection } from './connection.ts'

type PoolSize = Readonly<{
  size: number
  /** Further connections, at most, while others are abandoned. */
  spare: number
}>

/**
 * The pool, after node-postgres' pg-pool: work acquires an idle connection, or waits for one in the backlog, first in, first out; its
 * answer releases the connection. No statement waits behind one that waits for a row, none gets into another caller's transaction, and work
 * in the backlog can be withdrawn. The pool of postgres.js 3.4.9 guarantees none of this (docs/decisions/0016-a-pool-of-our-own.md).
 *
 * An abandoned connection keeps its place, because its process may live for as long as Postgres hangs. Spares are opened meanwhile, so that
 * Postgres never has more than `size` and `spare` processes of this pool. While a connection is abandoned, or after a connection could not
 * be opened, connections are opened one at a time.
 */
export const createPool = ({ size, spare }: PoolSize, createSource: CreateSource) => {
  const connections: Connection[] = []
  let isDoubtful = false

  const add = (): Connection => {
    const connection: Connection = createConnection(createSource, {
      onRelease: isAnswered => {
        if (isAnswered) isDoubtful = false
        removeSpares()
        backlog.serve()
      },
      onAbandon: () => backlog.serve(),
      onClose: wasOpen => {
        if (!wasOpen) isDoubtful = true
        moveToEnd(connection)
      },
    })
    connections.push(connection)
    return connection
  }

  /** Moves a closed connection behind the others, since it pauses before it connects again and another can be opened meanwhile. */
  const moveToEnd = (connection: Connection) => {
    const place = connections.indexOf(connection)
    // The connection is a spare that was removed.
    if (place < 0) return
    connections.splice(place, 1)
    connections.push(connection)
    backlog.serve()
  }

  /** The first idle connection that is open, so that few are kept open; else one to open. */
  const acquire = (): Connection | undefined => {
    const idle = connections.filter(({ isIdle }) => isIdle())
    const open = idle.find(({ isOpen }) => isOpen())
    if (open !== undefined) return open
    const abandoned = countAbandoned(connections)
    if ((isDoubtful || abandoned > 0) && isAnyOpening(connections)) return undefined
    return idle[0] ?? (connections.length < size + Math.min(spare, abandoned) ? add() : undefined)
  }

  const backlog = createBacklog(acquire)

  /** Removes spares when the connections that they replaced have come back. */
  const removeSpares = () => {
    if (connections.length <= size) return
    const surplus = Math.max(0, connections.length - size - countAbandoned(connections))
    const free = connections.filter(({ isBusy }) => !isBusy()).toReversed()
    for (const connection of free.slice(0, surplus)) {
      connections.splice(connections.indexOf(connection), 1)
      void connection.end({ timeout: 1 }).catch(() => undefined)
    }
  }

  for (let count = 0; count < size; count++) add()

  return {
    query: <T>(work: (sql: Sql) => Promise<T>): Checkout<T> => acquire()?.send(work) ?? backlog.enqueue(work),
    /** True when abandoned connections take every place, and no further connection can be opened or is likely to open. */
    isExhausted: () =>
      connections.every(connection => connection.isAbandoned() || connection.isOpening()) &&
      countAbandoned(connections) >= size &&
      (connections.length >= size + spare || (isDoubtful && isAnyOpening(connections))),
    hasOpen: () => connections.some(({ isOpen }) => isOpen()),
    connections: (): readonly Connection[] => connections,
    end: async (options: { timeout: number }): Promise<void> => {
      await Promise.all(connections.map(({ end }) => end(options)))
    },
  }
}

/** The waiting queue of a pool: work that came while no connection could be acquired, the oldest first. */
const createBacklog = (acquire: () => Connection | undefined) => {
  const waiting = new Set<(connection: Connection) => void>()

  const serve = () => {
    for (const start of waiting) {
      const connection = acquire()
      if (connection === undefined) return
      waiting.delete(start)
      start(connection)
    }
  }

  const enqueue = <T>(work: (sql: Sql) => Promise<T>): Checkout<T> => {
    let abandon = () => {}
    const answer = new Promise<T>((resolve, reject) => {
      const start = (connection: Connection) => {
        const sent = connection.send(work)
        abandon = sent.abandon
        resolve(sent.answer)
      }
      waiting.add(start)
      abandon = () => {
        waiting.delete(start)
        reject(new Error('abandoned before it had a connection'))
      }
    })
    return { answer, abandon: () => abandon() }
  }

  return { serve, enqueue }
}

const countAbandoned = (connections: readonly Connection[]) =>
  connections.filter(({ isAbandoned }) => isAbandoned()).length

const isAnyOpening = (connections: readonly Connection[]) => connections.some(({ isOpening }) => isOpening())
