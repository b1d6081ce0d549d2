import type { Sql } from 'postgres'

/** A statement, or a transaction, that was asked for. */
export type Asked<T> = Readonly<{
  answer: Promise<T>
  /**
   * No caller waits for it any more. It must not run later, when the client may have tried again: a rotation carried out twice is
   * judged a theft. One that was sent is beyond recall: statement_timeout ends it, though later than its caller gives up, if it
   * had waited here, and until its end is known its connection is overdue. So is a transaction that waits for its connection to
   * open: its own first step asks for its caller.
   */
  abandon: () => void
}>

/** What is sent on a connection before the statement itself. */
export type First = (sql: Sql) => Promise<unknown>

export const sendNow = <T>(sql: Sql, query: (sql: Sql) => Promise<T>): Asked<T> => {
  try {
    const answer = query(sql)
    return { answer, abandon: () => disarm(answer) }
  } catch (fault) {
    // A query that cannot be put together is its own caller's fault, not that of the one that gave the connection back.
    return { answer: Promise.reject(fault), abandon: () => {} }
  }
}

/** Not what was given up meanwhile. */
export const sendAfter = <T>(first: First, sql: Sql, query: (sql: Sql) => Promise<T>): Asked<T> => {
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
