import type { Sql } from 'postgres'
import { type Checkout, type Preamble, sendAfter, sendNow } from './checkout.ts'
import type { Dialer } from './dialer.ts'
import type { Tagged } from './qualify.ts'

/** What a connection is made of: clients of postgres.js, one after the other, and the sockets that they are given. */
export type ClientSource = Omit<Dialer, 'connect'> &
  Readonly<{
    create: () => Tagged
    /** The first thing on each connection. Rejects where it leads to nothing of use. */
    verify: Preamble | null
  }>

export type CreateSource = (onClose: () => void) => ClientSource

export type Connection = Readonly<{
  /** Checks the connection out until the work is answered. */
  send: <T>(work: (sql: Sql) => Promise<T>) => Checkout<T>
  /** May be checked out now. */
  isIdle: () => boolean
  isBusy: () => boolean
  isOpen: () => boolean
  /** Postgres has said nothing on it yet: it names its process once it has accepted the sign-in. */
  isOpening: () => boolean
  /** Its caller has given up, and whether the statement has ended is not known: it takes its place until then. */
  isAbandoned: () => boolean
  /** The process of Postgres that serves it, where one does. */
  pid: () => number | null
  address: Dialer['address']
  destroy: () => void
  end: (options: { timeout: number }) => Promise<void>
}>

type Events = Readonly<{
  onRelease: (isAnswered: boolean) => void
  onAbandon: () => void
  /** The next one may be opened. */
  onClose: (wasOpen: boolean) => void
}>

/**
 * One connection of the pool, opened when work is first sent on it, and anew after it has ended. One piece of work at a time: the pool
 * of postgres.js 3.4.9 sends ahead.
 */
export const createConnection = (
  createSource: CreateSource,
  { onRelease, onAbandon, onClose }: Events,
): Connection => {
  const source = createSource(() => {
    const wasOpen = isOpen
    if (!wasOpen) source.failOver()
    isOpen = false
    client.noteEnd()
    onClose(wasOpen)
  })
  const client = createCurrentClient(source)
  /** Counts the checkouts. */
  let latest = 0
  let isBusy = false
  let isAbandoned = false
  let isOpen = false

  const release = (isAnswered: boolean) => {
    isBusy = false
    isAbandoned = false
    isOpen ||= isAnswered
    client.noteRelease(isAnswered)
    onRelease(isAnswered)
  }
  const releaseAnswered = () => release(true)
  const releaseFailed = () => release(false)

  const send: Connection['send'] = work => {
    const sent = client.send(work, isOpen)
    isBusy = true
    const own = ++latest
    sent.answer.then(releaseAnswered, releaseFailed)
    const abandon = () => {
      // Answered meanwhile: the connection may serve another caller by now.
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
 * The client of postgres.js that serves a connection now. Never reuse one after its connection ended: postgres.js 3.4.9 applies the
 * old connection's error and row count to the first answer on the new one. Unless it has asked again by itself for what it had not
 * sent yet, and was answered.
 */
const createCurrentClient = (source: ClientSource) => {
  let tagged = source.create()
  /** Its connection has ended, or there was none: what a pooler refuses may be known when the first one is opened. */
  let isStale = true
  /** Something may be left of a statement that failed. */
  let needsReset = false

  const renew = () => {
    tagged = source.create()
    isStale = false
    needsReset = false
  }

  return {
    send: <T>(work: (sql: Sql) => Promise<T>, isOpen: boolean): Checkout<T> => {
      if (isStale) renew()
      const { sql } = tagged
      const preamble = isOpen || source.verify === null ? (needsReset ? reset : null) : source.verify
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

/**
 * After a statement that failed among its rows, postgres.js 3.4.9 goes on counting where they ended: the first rows of the next
 * answer would be missing. Its count begins anew at the end of an answer.
 */
const reset: Preamble = sql => sql`select where false`
