import type { Mail, MailOutcome } from '../domain/account/mail.ts'
import { isLate, mailGroupOf, nextOf, victimOf, type Waiting } from '../domain/account/mail-priority.ts'
import type { Log, Metrics } from '../ports/effects.ts'
import type { About, Errand, Mailer } from '../ports/mail.ts'

type Needs = Readonly<{
  /** Rejects when the mail did not go out. Bounded in time. */
  deliver: (mail: Mail) => Promise<void>
  metrics: Pick<Metrics, 'mailed'>
  log: Log
  /** Milliseconds before each further attempt; by default a second to ten minutes, within the life of a link. */
  retry_milliseconds?: readonly number[]
  /** Within which an errand begins, at random; by default a quarter of a second. */
  spread_milliseconds?: number
}>

export type MailQueue = Mailer &
  Readonly<{
    /** Errands that wait, and those of them that have failed before. */
    waiting: () => Readonly<{ all: number; late: number }>
    close(): Promise<void>
  }>

/** Errands at most, with those under way; some megabytes. */
const QUEUE_LENGTH = 1_000
/** Those of them that verify an address: anyone may ask for these, for any address. */
const ORDINARY_LENGTH = 600
/** Those of them that wait for another attempt. */
const LATE_LENGTH = 300

const AT_ONCE = 4
/** Of these, so that a slow receiver of one kind always leaves a turn to the others. */
const ORDINARY_AT_ONCE = 3
const LATE_AT_ONCE = 2
const GROUP_AT_ONCE = 2
/** Of a group that has mails which are late. */
const LATE_GROUP_AT_ONCE = 1

/**
 * Within so many milliseconds, at random, an errand begins. What an account costs more than none then falls on no request in
 * particular: not on the one that asked, nor on the next.
 */
const SPREAD_MILLISECONDS = 250
const RETRY_MILLISECONDS = [1_000, 5_000, 30_000, 120_000, 600_000]
const CLOSE_MILLISECONDS = 4_000

type Entry = Waiting & {
  readonly errand: Errand
  group: string | null
  mail: Mail | null
  attempts: number
  turn: number
  /** Its time has come. */
  isReady: boolean
  timer?: NodeJS.Timeout
}

/**
 * Mails that go out after the answer: what is urgent first, the domains in turn, what has failed last. Every count is bounded. Closing
 * sends what has not been tried yet, for some seconds, and drops the rest.
 */
export const openMailQueue = ({
  deliver,
  metrics,
  log,
  retry_milliseconds = RETRY_MILLISECONDS,
  spread_milliseconds = SPREAD_MILLISECONDS,
}: Needs): MailQueue => {
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
      work()
    }, milliseconds).unref()
    giveWay()
  }
  const remove = (entry: Entry) => {
    clearTimeout(entry.timer)
    waiting.delete(entry)
  }
  const giveWay = () => {
    const all = [...waiting]
    const late = all.filter(isLate)
    const ordinary = all.filter(each => !each.isUrgent)
    if (late.length > LATE_LENGTH) drop(victimOf(late), 'too_many_late')
    else if (ordinary.length > ORDINARY_LENGTH) drop(victimOf(ordinary), 'queue_full')
    else if (all.length + running.size > QUEUE_LENGTH) drop(victimOf(all), 'queue_full')
  }
  const work = () => {
    while (running.size < AT_ONCE) {
      const entry = nextOf(startable())
      if (entry === undefined) return
      remove(entry)
      turn = Math.max(turn, entry.turn)
      const attempted = attempt(entry).finally(() => {
        running.delete(entry)
        work()
      })
      running.set(entry, attempted)
    }
  }
  /** Those whose time has come, and whose kind and group do not hold as many turns already as they may. */
  const startable = (): readonly Entry[] => {
    const busy = [...running.keys()]
    const isOrdinaryFull = busy.filter(each => !each.isUrgent).length >= ORDINARY_AT_ONCE
    const isLateFull = busy.filter(isLate).length >= LATE_AT_ONCE
    const slow = new Set([...waiting].filter(isLate).map(({ group }) => group))
    const isGroupFull = ({ group }: Entry) =>
      busy.filter(each => each.group === group).length >=
      (slow.has(group) ? LATE_GROUP_AT_ONCE : GROUP_AT_ONCE)
    return [...waiting].filter(
      entry =>
        entry.isReady &&
        (entry.isUrgent || !isOrdinaryFull) &&
        !(isLateFull && isLate(entry)) &&
        !isGroupFull(entry),
    )
  }
  const attempt = async (entry: Entry) => {
    try {
      entry.mail ??= await entry.errand()
      if (entry.mail === null) return
      entry.group = mailGroupOf(entry.mail.to)
      await deliver(entry.mail)
      metrics.mailed('sent')
    } catch (error) {
      const isFinal = isRefused(error)
      const pause = isFinal || isClosed ? undefined : retry_milliseconds[entry.attempts]
      entry.attempts += 1
      const fields = { ...describe(entry), ...codesOf(error) }
      if (pause === undefined) {
        metrics.mailed(isFinal ? 'refused' : 'given_up')
        log.error(fields, 'a mail was given up')
      } else {
        if (entry.attempts === 1) log.warn(fields, 'a mail is late: it will be tried again')
        add(entry, pause)
      }
    }
  }
  const drop = (entry: Entry | undefined, reason: MailOutcome) => {
    if (entry === undefined) return
    remove(entry)
    metrics.mailed(reason)
    log.warn({ ...describe(entry), reason }, 'a mail was dropped')
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
      work()
      await withDeadline(async () => {
        while (running.size > 0) await Promise.race(running.values())
      })
      for (const entry of waiting) drop(entry, 'closing')
    },
  }
}

const createEntry = (errand: Errand, { isUrgent, email }: About): Entry => ({
  errand,
  isUrgent,
  group: email === null ? null : mailGroupOf(email),
  mail: null,
  attempts: 0,
  turn: 0,
  isReady: false,
})
const withDeadline = async (finish: () => Promise<void>) => {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<void>(resolve => {
    timer = setTimeout(resolve, CLOSE_MILLISECONDS)
  })
  await Promise.race([finish(), deadline])
  clearTimeout(timer)
}

/** Neither address nor text: whose, and which. */
const describe = ({ mail, attempts, isUrgent }: Entry) => ({
  event: 'mail',
  ...(mail === null ? {} : { mail: mail.name, sub: mail.account_id }),
  attempts,
  urgent: isUrgent,
})

/** RFC 5321 §4.2.1 – 5yz: the same command will never be accepted. */
const isRefused = (error: unknown): boolean => Number(codesOf(error).smtp_status) >= 500

/** Codes alone: what a server says repeats the address, and what a driver says may repeat a row. */
const codesOf = (error: unknown) => ({
  error: error instanceof Error ? ('code' in error ? String(error.code) : error.name) : 'unknown',
  ...(error instanceof Error && 'responseCode' in error ? { smtp_status: error.responseCode } : {}),
})
