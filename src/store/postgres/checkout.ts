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
  /** True while the work waits for other work on its row, which tells nothing about Postgres. Absent where the work names no row. */
  isBlocked?: () => boolean
}>

/**
 * A row, by its kind and its key, that a statement may have to wait for because another transaction holds it. `address`: the account of an
 * e-mail, where only that is known.
 */
export type ContendedRow = `${'account' | 'address' | 'code' | 'family' | 'link'}:${string}`

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

type RowQueues = Readonly<{ width: number; longest_milliseconds: number }>

/**
 * Ours, a keyed queue and a bulkhead – Sends one piece of work on a row at a time, and at most `width` pieces on rows together. The others
 * wait in this process, without a connection: work behind a locked row would hold one until the lock is released, so that as many requests
 * for one row as there are connections would stop everything else. Work on a row is sent in the order in which it came.
 *
 * Work whose caller has given up keeps its row until its end is known, or until `longest_milliseconds` after it was sent: by then
 * statement_timeout has ended a wait for the row, and a process that hangs instead may not hold the row.
 */
export const createRowQueues = ({ width, longest_milliseconds }: RowQueues) => {
  const { enter, leave, withdraw } = createTurns(width)

  return <T>(row: ContendedRow, send: () => Checkout<T>): Checkout<T> => {
    let sent: Checkout<T> | undefined
    let abandon = () => {}
    const answer = new Promise<T>((resolve, reject) => {
      let sent_at = 0
      let hasLeft = false
      const leaveOnce = () => {
        if (!hasLeft) leave(row)
        hasLeft = true
      }
      const start = () => {
        sent = send()
        sent_at = performance.now()
        resolve(sent.answer)
        sent.answer.then(leaveOnce, leaveOnce)
      }
      abandon = () => {
        if (sent === undefined) {
          withdraw(row, start)
          reject(new Error('abandoned before its row was free'))
          return
        }
        sent.abandon()
        const rest = sent_at + longest_milliseconds - performance.now()
        if (rest > 0) setTimeout(leaveOnce, rest).unref()
        else leaveOnce()
      }
      enter(row, start)
    })
    return { answer, abandon: () => abandon(), isBlocked: () => sent === undefined }
  }
}

type Start = () => void

/** Whose turn it is: one a row, and `width` in all. */
const createTurns = (width: number) => {
  /** The rows whose work is under way or ready, and what waits behind it. */
  const queues = new Map<string, Set<Start>>()
  /** Work whose row is free, while `width` others are under way. */
  const ready = new Set<Start>()
  let underWay = 0

  const startReady = () => {
    for (const start of ready) {
      if (underWay >= width) return
      ready.delete(start)
      underWay++
      start()
    }
  }
  /** The next work on the row becomes ready. */
  const advance = (row: string) => {
    const queue = queues.get(row)
    const [next] = queue ?? []
    if (next === undefined) {
      queues.delete(row)
      return
    }
    queue?.delete(next)
    ready.add(next)
  }

  return {
    enter: (row: string, start: Start) => {
      const queue = queues.get(row)
      if (queue !== undefined) {
        queue.add(start)
        return
      }
      queues.set(row, new Set())
      ready.add(start)
      startReady()
    },
    leave: (row: string) => {
      underWay--
      advance(row)
      startReady()
    },
    /** For work that has not been started. */
    withdraw: (row: string, start: Start) => {
      if (ready.delete(start)) advance(row)
      else queues.get(row)?.delete(start)
      startReady()
    },
  }
}
