import type { Sql } from 'postgres'

/** What a client of the library's, with one connection or none at the moment, is made of. */
export type Client = Readonly<{
  create: () => Sql
  /** The first thing on each connection. Rejects where it leads to nothing of use. */
  examine: ((sql: Sql) => Promise<void>) | null
  /** Nothing may be sent on it now. Whoever says so says later that it has closed. */
  isEnding: () => boolean
  /** Something is about to be sent on it. */
  onUse: () => void
  /** It has closed before it answered anything. */
  leave: () => void
}>

type Connection = Client & {
  sql: Sql
  isBusy: boolean
  isOpen: boolean
  /** Nothing is left of a statement that failed. */
  isClean: boolean
  /** The client's connection has ended. */
  isSpent: boolean
}
type Start = (connection: Connection) => void

/** A statement, or a transaction, that was asked for. */
export type Asked<T> = Readonly<{
  answer: Promise<T>
  /**
   * Nobody waits for it any more. It must not run later, when the client may have tried again: a rotation carried out twice is
   * judged a theft. One that was sent is beyond recall: statement_timeout ends it, though later than its caller gives up, if it
   * had waited here. So is a transaction that waits for its connection to open: its own first step asks for its caller.
   */
  abandon: () => void
}>

/**
 * The pool: a client of the library's for each connection, and one piece of work at a time for each, in the order in which they
 * were asked for. Nothing stands behind a statement that waits for a row, nothing gets into somebody's transaction, and what has
 * no connection yet can be taken back. The pool of postgres.js 3.4.9 sends ahead, a hundred statements to a connection that is
 * silent; at the hundredth it forgets to reserve the connection of a transaction; and its list of idle connections grows with each
 * statement, and is searched by each, until all of them are busy at once (queue.js).
 * `connect` makes a client, and is told how to say that its connection has closed and the next one may be opened.
 */
export const createConnections = (count: number, connect: (onClose: () => void) => Client) => {
  const waiting = new Set<Start>()
  const connections = Array.from({ length: count }, () => {
    const client = connect(() => close(connection))
    const connection: Connection = {
      ...client,
      sql: client.create(),
      isBusy: false,
      isOpen: false,
      isClean: true,
      isSpent: false,
    }
    return connection
  })

  /** Whoever is to be opened next is another one: this one pauses before it connects again. */
  const close = (connection: Connection) => {
    if (!connection.isOpen) connection.leave()
    connection.isOpen = false
    connection.isSpent = true
    connections.splice(connections.indexOf(connection), 1)
    connections.push(connection)
    proceed()
  }

  /** The first that is open, so that few are kept warm; else one to open. */
  const findFree = () => {
    const free = connections.filter(({ isBusy, isEnding }) => !isBusy && !isEnding())
    return free.find(({ isOpen }) => isOpen) ?? free[0]
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
    connection.sql = connection.create()
    connection.isClean = true
    connection.isSpent = false
  }

  const send = <T>(connection: Connection, query: (sql: Sql) => Promise<T>): Asked<T> => {
    if (connection.isSpent) renew(connection)
    connection.onUse()
    connection.isBusy = true
    const first = firstOn(connection)
    const sent = first === null ? sendNow(connection.sql, query) : sendAfter(first, connection.sql, query)
    const settle = (isAnswered: boolean) => {
      connection.isOpen ||= isAnswered
      connection.isClean = isAnswered
      connection.isSpent &&= !isAnswered
      connection.isBusy = false
      proceed()
    }
    sent.answer.then(
      () => settle(true),
      () => settle(false),
    )
    return sent
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
    hasOpen: () => connections.some(({ isOpen, isEnding }) => isOpen && !isEnding()),
    end: async (options: { timeout: number }): Promise<void> => {
      await Promise.all(connections.map(({ sql }) => sql.end(options)))
    },
  }
}

type First = (sql: Sql) => Promise<unknown>

const firstOn = ({ isOpen, isClean, examine }: Connection): First | null =>
  isOpen || examine === null ? (isClean ? null : clean) : examine

/**
 * After a statement that failed among its rows, postgres.js 3.4.9 goes on counting where they ended: the first rows of the next
 * answer would be missing. Its count begins anew at the end of an answer.
 */
const clean: First = sql => sql`select where false`

const sendNow = <T>(sql: Sql, query: (sql: Sql) => Promise<T>): Asked<T> => {
  try {
    const answer = query(sql)
    return { answer, abandon: () => disarm(answer) }
  } catch (fault) {
    // A query that cannot be put together is its own caller's fault, not that of whoever gave the connection back.
    return { answer: Promise.reject(fault), abandon: () => {} }
  }
}

const sendAfter = <T>(first: First, sql: Sql, query: (sql: Sql) => Promise<T>): Asked<T> => {
  let sent: Asked<T> | undefined
  let isAbandoned = false
  const send = async () => {
    await first(sql)
    if (isAbandoned) throw new Error('abandoned before it was sent')
    sent = sendNow(sql, query)
    return sent.answer
  }
  const abandon = () => {
    isAbandoned = true
    sent?.abandon()
  }
  return { answer: send(), abandon }
}

/**
 * While its connection is being opened, the library holds the statement back. Its own cancel() would strand that connection: the
 * statement is exchanged for a harmless one instead.
 */
const disarm = (query: object) => {
  if ('state' in query && query.state === null) Object.assign(query, { strings: ['select 1'], args: [] })
}
