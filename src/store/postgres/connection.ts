import type { Sql } from 'postgres'
import { type Checkout, type Preamble, sendAfter, sendNow } from './checkout.ts'
import type { Dialer } from './dialer.ts'
import type { Tagged } from './qualify.ts'

/** Creates the clients of postgres.js of one connection, one after the other, and tells the state of their sockets. */
export type ClientSource = Omit<Dialer, 'connect'> &
  Readonly<{
    create: () => Tagged
    /** Sent first on each new connection, and on one that is doubted. Rejects when the server is of no use. */
    verify: Preamble | null
  }>

export type SourceEvents = Readonly<{
  onClose: () => void
  /** The address was seen to lead to another server too: the server of this connection has to be verified before the next statement. */
  onDoubt: () => void
}>

export type CreateSource = (events: SourceEvents) => ClientSource

export type Connection = Readonly<{
  /** Sends the work on this connection, which is busy until the answer. */
  send: <T>(work: (sql: Sql) => Promise<T>) => Checkout<T>
  /** True when the connection can be acquired now. */
  isIdle: () => boolean
  isBusy: () => boolean
  isOpen: () => boolean
  /** True while work waits until Postgres has accepted the authentication and named its process. */
  isOpening: () => boolean
  /** True after its caller has given up, until the statement is known to have ended. */
  isAbandoned: () => boolean
  /** The Postgres process that serves the connection; null while none does. */
  pid: () => number | null
  address: Dialer['address']
  destroy: () => void
  end: (options: { timeout: number }) => Promise<void>
}>

type Events = Readonly<{
  onRelease: (isAnswered: boolean) => void
  onAbandon: () => void
  /** The connection has ended and may be opened again. */
  onClose: (wasOpen: boolean) => void
}>

/**
 * One connection of the pool, opened when work is first sent on it, and again after it has ended. It has one piece of work at a time,
 * unlike a connection of postgres.js 3.4.9, which pipelines statements.
 */
export const createConnection = (
  createSource: CreateSource,
  { onRelease, onAbandon, onClose }: Events,
): Connection => {
  const source = createSource({
    onClose: () => {
      const wasOpen = isOpen
      if (!wasOpen) source.failOver()
      isOpen = false
      client.noteEnd()
      onClose(wasOpen)
    },
    onDoubt: () => {
      isDoubted = true
    },
  })
  const client = createCurrentClient(source)
  /** The number of the latest checkout. */
  let latest = 0
  let isBusy = false
  let isAbandoned = false
  let isOpen = false
  let isDoubted = false

  const release = (isAnswered: boolean) => {
    isBusy = false
    isAbandoned = false
    isOpen ||= isAnswered
    client.noteRelease(isAnswered)
    onRelease(isAnswered)
  }
  const releaseAnswered = () => release(true)
  const releaseFailed = () => release(false)
  /** Whether the verification or the work has failed is not known here. */
  const releaseUnverified = () => {
    isDoubted = true
    release(false)
  }

  const send: Connection['send'] = work => {
    const isVerified = isOpen && !isDoubted
    const sent = client.send(work, isVerified)
    isDoubted = false
    isBusy = true
    const own = ++latest
    sent.answer.then(releaseAnswered, isVerified ? releaseFailed : releaseUnverified)
    const abandon = () => {
      // The work has been answered meanwhile, and the connection may serve another caller.
      if (!isBusy || own !== latest) return
      isAbandoned = true
      sent.abandon()
      onAbandon()
    }
    return { answer: sent.answer, abandon }
  }

  return {
    send,
    isIdle: () => !isBusy && !source.isEnding(),
    isBusy: () => isBusy,
    isOpen: () => isOpen && !source.isEnding(),
    isOpening: () => isBusy && !isOpen && !client.hasBegun(),
    isAbandoned: () => isAbandoned,
    pid: client.pid,
    address: source.address,
    destroy: source.destroy,
    end: client.close,
  }
}

/**
 * The client of postgres.js that serves a connection now. Never reuse a client after its connection ended: postgres.js 3.4.9 applies the
 * old connection's error and row count to the first answer on the new one. A client that has reconnected by itself for an unsent statement,
 * and got an answer, is sound again.
 */
const createCurrentClient = (source: ClientSource) => {
  let tagged = source.create()
  /** True without a connection: it has ended, or was never opened. The client is then created with the options that are known by now. */
  let isStale = true
  /** True after a failed statement, whose row count may be left. */
  let needsReset = false

  const renew = () => {
    tagged = source.create()
    isStale = false
    needsReset = false
  }

  return {
    send: <T>(work: (sql: Sql) => Promise<T>, isVerified: boolean): Checkout<T> => {
      if (isStale) renew()
      const { sql } = tagged
      const preamble = preambleOf(isVerified ? null : source.verify, needsReset)
      return preamble === null ? sendNow(sql, work) : sendAfter(preamble, sql, work)
    },
    noteRelease: (isAnswered: boolean) => {
      needsReset = !isAnswered
      isStale &&= !isAnswered
    },
    noteEnd: () => {
      isStale = true
    },
    hasBegun: () => tagged.pid() !== null,
    pid: () => (isStale ? null : tagged.pid()),
    close: (options: { timeout: number }) => tagged.sql.end(options),
  }
}

const preambleOf = (verify: Preamble | null, needsReset: boolean): Preamble | null => {
  if (!needsReset || verify === null) return needsReset ? reset : verify
  return async sql => {
    await reset(sql)
    await verify(sql)
  }
}

/**
 * After a statement that failed between its rows, postgres.js 3.4.9 continues its row count, and would drop the first rows of the next
 * answer. The end of an answer resets the count.
 */
const reset: Preamble = sql => sql`select where false`
