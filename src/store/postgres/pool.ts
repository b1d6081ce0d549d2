import type { Sql } from 'postgres'
import type { Address } from './hosts.ts'
import type { Tagged } from './qualify.ts'
import { type Asked, type First, sendAfter, sendNow } from './send.ts'
import type { WatchedConnection } from './watchdog.ts'

/** What a client of the library's, with one connection or none at the moment, is made of. */
export type PoolClient = Readonly<{
  create: () => Tagged
  /** The first thing on each connection. Rejects where it leads to nothing of use. */
  examine: ((sql: Sql) => Promise<void>) | null
  /** Nothing may be sent on it now. Whoever says so says later that it has closed. */
  isEnding: () => boolean
  /** It has closed before it answered anything. */
  leave: () => void
  address: () => Address
  cut: () => void
}>

type Connection = PoolClient & {
  tagged: Tagged
  isBusy: boolean
  /** Its caller has given up, and whether the statement has ended is not known: it takes its place until then. */
  isOverdue: boolean
  isOpen: boolean
  /** Nothing is left of a statement that failed. */
  isClean: boolean
  /** The client's connection has ended. */
  isSpent: boolean
}
type Start = (connection: Connection) => void

/**
 * The pool: a client of the library's for each connection, and one piece of work at a time for each, in the order in which they
 * were asked for. Nothing stands behind a statement that waits for a row, nothing gets into somebody's transaction, and what has
 * no connection yet can be taken back. The pool of postgres.js 3.4.9 sends ahead, a hundred statements to a connection that is
 * silent; at the hundredth it forgets to reserve the connection of a transaction; and its list of idle connections grows with each
 * statement, and is searched by each, until all of them are busy at once (queue.js).
 * A connection whose caller gave up keeps its place, for its process may be there as long as Postgres hangs; `spare` others, at most,
 * are opened meanwhile, so that Postgres never has more processes of ours than `size` and those. While there is such a connection, or
 * the last one that was opened came to nothing, they are opened one at a time.
 * `connect` makes a client, and is told how to say that its connection has closed and the next one may be opened.
 */
export const createPool = (
  { size, spare }: { size: number; spare: number },
  connect: (onClose: () => void) => PoolClient,
) => {
  const waiting = new Set<Start>()
  let isDoubtful = false
  const add = (): Connection => {
    const client = connect(() => close(connection))
    const connection: Connection = {
      ...client,
      tagged: client.create(),
      isBusy: false,
      isOverdue: false,
      isOpen: false,
      isClean: true,
      // Made anew when something is first sent: what a pooler refuses may be known by then.
      isSpent: true,
    }
    return connection
  }
  const connections = Array.from({ length: size }, add)

  /** Whoever is to be opened next is another one: this one pauses before it connects again. */
  const close = (connection: Connection) => {
    if (!connection.isOpen) {
      isDoubtful = true
      connection.leave()
    }
    connection.isOpen = false
    connection.isSpent = true
    const place = connections.indexOf(connection)
    // One that was let go.
    if (place < 0) return
    connections.splice(place, 1)
    connections.push(connection)
    proceed()
  }

  const countOverdue = () => connections.filter(({ isOverdue }) => isOverdue).length
  const isOpening = () => connections.some(isBeingOpened)

  /** The first that is open, so that few are kept warm; else one to open. */
  const findFree = () => {
    const free = connections.filter(({ isBusy, isEnding }) => !isBusy && !isEnding())
    const open = free.find(({ isOpen }) => isOpen)
    if (open !== undefined) return open
    const overdue = countOverdue()
    if ((isDoubtful || overdue > 0) && isOpening()) return undefined
    return free[0] ?? (connections.length < size + Math.min(spare, overdue) ? addSpare() : undefined)
  }

  const addSpare = () => {
    const connection = add()
    connections.push(connection)
    return connection
  }

  /** What the spares stood in for has come back. */
  const letGo = () => {
    if (connections.length <= size) return
    const surplus = connections.length - size - countOverdue()
    const free = connections.filter(({ isBusy }) => !isBusy).toReversed()
    for (const connection of free.slice(0, Math.max(0, surplus))) {
      connections.splice(connections.indexOf(connection), 1)
      void connection.tagged.sql.end({ timeout: 1 }).catch(() => undefined)
    }
  }

  const proceed = () => {
    for (const start of waiting) {
      const connection = findFree()
      if (connection === undefined) return
      waiting.delete(start)
      start(connection)
    }
  }

  /**
   * The client goes with its connection: postgres.js 3.4.9 takes what one connection left unfinished, an error or a count of rows,
   * for the next one's. Unless it has asked again by itself for what it had not sent yet, and was answered.
   */
  const renew = (connection: Connection) => {
    connection.tagged = connection.create()
    connection.isClean = true
    connection.isSpent = false
  }

  const send = <T>(connection: Connection, query: (sql: Sql) => Promise<T>): Asked<T> => {
    if (connection.isSpent) renew(connection)
    connection.isBusy = true
    const first = firstOn(connection)
    const { sql } = connection.tagged
    const sent = first === null ? sendNow(sql, query) : sendAfter(first, sql, query)
    const settle = (isAnswered: boolean) => {
      connection.isOpen ||= isAnswered
      connection.isClean = isAnswered
      connection.isSpent &&= !isAnswered
      connection.isBusy = false
      connection.isOverdue = false
      if (isAnswered) isDoubtful = false
      letGo()
      proceed()
    }
    sent.answer.then(
      () => settle(true),
      () => settle(false),
    )
    const abandon = () => {
      connection.isOverdue = connection.isBusy
      sent.abandon()
      proceed()
    }
    return { answer: sent.answer, abandon }
  }

  return {
    ask: <T>(query: (sql: Sql) => Promise<T>): Asked<T> => {
      const connection = findFree()
      if (connection !== undefined) return send(connection, query)
      let abandon = () => {}
      const answer = new Promise<T>((resolve, reject) => {
        const start: Start = connection => {
          const sent = send(connection, query)
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
    },
    /** All places are taken by what is overdue, and so are the spares, or the one that is being opened may come to nothing. */
    isStalled: () =>
      connections.every(connection => connection.isOverdue || isBeingOpened(connection)) &&
      countOverdue() >= size &&
      (connections.length >= size + spare || (isDoubtful && isOpening())),
    watched: (): readonly WatchedConnection[] =>
      connections.map(connection => ({
        pid: () => (connection.isSpent ? null : connection.tagged.pid()),
        address: connection.address,
        isOverdue: connection.isOverdue,
        cut: connection.cut,
      })),
    hasOpen: () => connections.some(({ isOpen, isEnding }) => isOpen && !isEnding()),
    end: async (options: { timeout: number }): Promise<void> => {
      await Promise.all(connections.map(({ tagged }) => tagged.sql.end(options)))
    },
  }
}

/** Postgres has said nothing on it yet: it names its process once it has accepted the sign-in. */
const isBeingOpened = ({ isBusy, isOpen, tagged }: Connection): boolean =>
  isBusy && !isOpen && tagged.pid() === null

const firstOn = ({ isOpen, isClean, examine }: Connection): First | null =>
  isOpen || examine === null ? (isClean ? null : clean) : examine

/**
 * After a statement that failed among its rows, postgres.js 3.4.9 goes on counting where they ended: the first rows of the next
 * answer would be missing. Its count begins anew at the end of an answer.
 */
const clean: First = sql => sql`select where false`
