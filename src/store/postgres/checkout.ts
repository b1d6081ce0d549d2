import type { Sql } from 'postgres'

/** A statement or a transaction that has a connection to itself until it is answered, or waits for one in the backlog. */
export type Checkout<T> = Readonly<{
  answer: Promise<T>
  /**
   * The caller has given up. Work that was not sent must not run later, when the client may have retried: a rotation that runs twice is
   * judged a theft. A statement that was sent cannot be taken back: statement_timeout ends it, and its connection counts as abandoned until
   * the end is known. The same holds for a transaction whose connection is opening: its first step checks whether its caller still waits.
   */
  abandon: () => void
}>

/** A statement that is sent on a connection before the work itself. */
export type Preamble = (sql: Sql) => Promise<unknown>

export const sendNow = <T>(sql: Sql, work: (sql: Sql) => Promise<T>): Checkout<T> => {
  try {
    const answer = work(sql)
    return { answer, abandon: () => disarm(answer) }
  } catch (fault) {
    // A query that cannot be built rejects for its own caller, not for the caller that has released the connection.
    return { answer: Promise.reject(fault), abandon: () => {} }
  }
}

/** Sends the preamble and then the work, unless the work was abandoned meanwhile. */
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
 * While its connection opens, postgres.js 3.4.9 holds the statement back. Its own cancel() would leave that connection unusable, so the
 * statement is replaced by a harmless one.
 */
const disarm = (query: object) => {
  if ('state' in query && query.state === null) Object.assign(query, { strings: ['select 1'], args: [] })
}
