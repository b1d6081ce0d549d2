import type { Sql } from 'postgres'

/** A statement, or a transaction, that has a connection to itself until it is answered, or waits for one in the backlog. */
export type Checkout<T> = Readonly<{
  answer: Promise<T>
  /**
   * No caller waits for the answer any more. The work must not run later, when the client may have tried again: a rotation carried
   * out twice is judged a theft. A statement that was sent is beyond recall: statement_timeout ends it, though later than its caller
   * gives up, if it had waited here, and its connection counts as abandoned until the end is known. So does that of a transaction
   * which waits for its connection to open: its own first step asks for its caller.
   */
  abandon: () => void
}>

/** What is sent on a connection before the work itself. */
export type Preamble = (sql: Sql) => Promise<unknown>

export const sendNow = <T>(sql: Sql, work: (sql: Sql) => Promise<T>): Checkout<T> => {
  try {
    const answer = work(sql)
    return { answer, abandon: () => disarm(answer) }
  } catch (fault) {
    // A query that cannot be put together is its own caller's fault, not that of the one that gave the connection back.
    return { answer: Promise.reject(fault), abandon: () => {} }
  }
}

/** Work that was given up during the preamble is not sent. */
export const sendAfter = <T>(preamble: Preamble, sql: Sql, work: (sql: Sql) => Promise<T>): Checkout<T> => {
  let sent: Checkout<T> | undefined
  let isAbandoned = false
  const send = async () => {
    await preamble(sql)
    if (isAbandoned) throw new Error('abandoned before it was sent')
    sent = sendNow(sql, work)
    return sent.answer
  }
  const abandon = () => {
    isAbandoned = true
    sent?.abandon()
  }
  return { answer: send(), abandon }
}

/**
 * While its connection is being opened, postgres.js 3.4.9 holds the statement back. Its own cancel() would strand that connection:
 * the statement is exchanged for a harmless one instead.
 */
const disarm = (query: object) => {
  if ('state' in query && query.state === null) Object.assign(query, { strings: ['select 1'], args: [] })
}
