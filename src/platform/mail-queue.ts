import type { Mail, MailOutcome } from '../domain/account/mail.ts'
import { overflowOf, startableOf } from '../domain/account/mail-capacity.ts'
import { isLate, mailGroupOf, nextOf, type Waiting } from '../domain/account/mail-priority.ts'
import type { AboutRequest } from '../domain/base/log-fields.ts'
import type { About, Errand, Mailer } from '../ports/mail.ts'
import { type AttemptNeeds, createMailAttempt, describeMail } from './mail-attempt.ts'

type Needs = Omit<AttemptNeeds, 'isClosed'> &
  Readonly<{
    /** The longest random delay before an errand begins; by default 250. */
    spread_milliseconds?: number
  }>

export type MailQueue = Mailer &
  Readonly<{
    /** The number of waiting errands, and of the waiting errands that have failed before. */
    waiting: () => Readonly<{ all: number; late: number }>
    close(): Promise<void>
  }>

/**
 * Each errand begins after a random delay of at most this long. An errand for an existing account costs more than one for an unknown
 * e-mail; the delay keeps that difference from showing in the latency of the request that asked, or of the next one.
 */
const SPREAD_MILLISECONDS = 250
const CLOSE_MILLISECONDS = 4_000

type Entry = Waiting & {
  readonly errand: Errand
  readonly about: AboutRequest | null
  group: string | null
  mail: Mail | null
  attempts: number
  turn: number
  /** True once the time of the next attempt has come. */
  isReady: boolean
  timer?: NodeJS.Timeout
}

/**
 * Sends mails after the response: a priority queue in which urgent mails come first, domains take turns, and failed mails come last.
 * Every count is bounded. `close` sends the mails that have not been tried yet, for up to four seconds, and drops the rest.
 */
export const openMailQueue = (needs: Needs): MailQueue => {
  const { metrics, log, spread_milliseconds = SPREAD_MILLISECONDS } = needs
  const waiting = new Set<Entry>()
  const running = new Map<Entry, Promise<void>>()
  let turn = 0
  let isClosed = false

  const add = (entry: Entry, milliseconds: number) => {
    entry.turn = turn + [...waiting].filter(({ group }) => group === entry.group).length
    entry.isReady = false
    waiting.add(entry)
    entry.timer = setTimeout(() => {
      entry.isReady = true
      startAll()
    }, milliseconds).unref()
    const overflow = overflowOf([...waiting], running.size)
    if (overflow?.victim) drop(overflow.victim, overflow.reason)
  }
  const remove = (entry: Entry) => {
    clearTimeout(entry.timer)
    waiting.delete(entry)
  }
  const drop = (entry: Entry, reason: MailOutcome) => {
    remove(entry)
    metrics.mailed(reason)
    log.warn({ ...describeMail(entry), reason }, 'a mail was dropped')
  }

  const attempt = createMailAttempt({ ...needs, isClosed: () => isClosed })
  const start = (entry: Entry) => {
    remove(entry)
    turn = Math.max(turn, entry.turn)
    const run = async () => {
      const pause = await attempt(entry)
      if (pause !== null) add(entry, pause)
    }
    const attempted = run().finally(() => {
      running.delete(entry)
      startAll()
    })
    running.set(entry, attempted)
  }
  const startAll = () => {
    for (;;) {
      const entry = nextOf(startableOf([...waiting], [...running.keys()]))
      if (entry === undefined) return
      start(entry)
    }
  }

  return {
    post: (errand, about) => {
      const entry = createEntry(errand, about)
      if (isClosed) drop(entry, 'closing')
      else add(entry, Math.random() * spread_milliseconds)
    },
    waiting: () => ({ all: waiting.size, late: [...waiting].filter(isLate).length }),
    close: async () => {
      isClosed = true
      for (const entry of waiting) {
        clearTimeout(entry.timer)
        if (isLate(entry)) drop(entry, 'closing')
        entry.isReady = true
      }
      startAll()
      await withDeadline(allEnded(running))
      for (const entry of waiting) drop(entry, 'closing')
    },
  }
}

const createEntry = (errand: Errand, { isUrgent, email, about }: About): Entry => ({
  errand,
  about: about ?? null,
  isUrgent,
  group: email === null ? null : mailGroupOf(email),
  mail: null,
  attempts: 0,
  turn: 0,
  isReady: false,
})

const allEnded = async (running: ReadonlyMap<Entry, Promise<void>>): Promise<void> => {
  while (running.size > 0) await Promise.race(running.values())
}

const withDeadline = async (work: Promise<void>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<void>(resolve => {
    timer = setTimeout(resolve, CLOSE_MILLISECONDS)
  })
  await Promise.race([work, deadline])
  clearTimeout(timer)
}
