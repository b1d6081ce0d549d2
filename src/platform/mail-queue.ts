import type { Mail } from '../domain/mail.ts'
import type { Log, Metrics } from '../ports.ts'
import type { Errand, Mailer } from '../ports/mail.ts'

type Needs = Readonly<{
  /** Rejects when the mail did not go out. */
  deliver: (mail: Mail) => Promise<void>
  metrics: Pick<Metrics, 'mailed'>
  log: Log
  /** Milliseconds before each further attempt; by default a second to ten minutes, within the life of a link. */
  retry_milliseconds?: readonly number[]
}>

export type MailQueue = Mailer & Readonly<{ close(): Promise<void> }>

/** Errands that may wait, those for another attempt too; some megabytes. */
const QUEUE_LENGTH = 1_000
const AT_ONCE = 4
/**
 * Within so many milliseconds, at random, an errand begins. What an account costs more than none then falls on no request in
 * particular: not on the one that asked, nor on the next.
 */
const SPREAD_MILLISECONDS = 250
const RETRY_MILLISECONDS = [1_000, 5_000, 30_000, 120_000, 600_000]
const CLOSE_MILLISECONDS = 4_000

type Entry = { readonly errand: Errand; mail: Mail | null; attempts: number; timer?: NodeJS.Timeout }

/** Mails that go out after the answer. Closing sends what has not been tried yet, for some seconds, and drops the rest. */
export const openMailQueue = ({
  deliver,
  metrics,
  log,
  retry_milliseconds = RETRY_MILLISECONDS,
}: Needs): MailQueue => {
  const scheduled = new Set<Entry>()
  const ready: Entry[] = []
  const running = new Set<Promise<void>>()
  let isClosed = false

  const schedule = (entry: Entry, milliseconds: number) => {
    scheduled.add(entry)
    entry.timer = setTimeout(() => start(entry), milliseconds).unref()
  }
  const start = (entry: Entry) => {
    clearTimeout(entry.timer)
    scheduled.delete(entry)
    ready.push(entry)
    work()
  }
  const work = () => {
    while (running.size < AT_ONCE) {
      const entry = ready.shift()
      if (entry === undefined) return
      const turn = attempt(entry).finally(() => {
        running.delete(turn)
        work()
      })
      running.add(turn)
    }
  }
  const attempt = async (entry: Entry) => {
    try {
      entry.mail ??= await entry.errand()
      if (entry.mail === null) return
      await deliver(entry.mail)
      metrics.mailed('sent')
    } catch (error) {
      const pause = isRefused(error) || isClosed ? undefined : retry_milliseconds[entry.attempts]
      entry.attempts += 1
      const fields = { ...describe(entry), ...codesOf(error) }
      if (pause === undefined) {
        metrics.mailed('failed')
        log.error(fields, 'a mail was given up')
      } else {
        if (entry.attempts === 1) log.warn(fields, 'a mail is late: it will be tried again')
        schedule(entry, pause)
      }
    }
  }
  const drop = (entries: readonly Entry[]) => {
    for (const entry of entries) {
      metrics.mailed('dropped')
      log.warn(describe(entry), 'a mail was dropped')
    }
  }

  return {
    post: errand => {
      const entry = { errand, mail: null, attempts: 0 }
      if (isClosed || scheduled.size + ready.length + running.size >= QUEUE_LENGTH) drop([entry])
      else schedule(entry, Math.random() * SPREAD_MILLISECONDS)
    },
    close: async () => {
      isClosed = true
      const waiting = [...scheduled]
      for (const entry of waiting) clearTimeout(entry.timer)
      scheduled.clear()
      drop(waiting.filter(entry => entry.attempts > 0))
      ready.push(...waiting.filter(entry => entry.attempts === 0))
      work()
      await withDeadline(async () => {
        while (running.size > 0) await Promise.race(running)
      })
      drop(ready.splice(0))
    },
  }
}

const withDeadline = async (finish: () => Promise<void>) => {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<void>(resolve => {
    timer = setTimeout(resolve, CLOSE_MILLISECONDS)
  })
  await Promise.race([finish(), deadline])
  clearTimeout(timer)
}

/** Neither address nor text: whose, and which. */
const describe = ({ mail, attempts }: Entry) => ({
  event: 'mail',
  ...(mail === null ? {} : { mail: mail.name, sub: mail.account_id }),
  attempts,
})

/** RFC 5321 §4.2.1 – 5yz: the same command will never be accepted. */
const isRefused = (error: unknown): boolean => Number(codesOf(error).smtp_status) >= 500

/** Codes alone: what a server says repeats the address, and what a driver says may repeat a row. */
const codesOf = (error: unknown) => ({
  error: error instanceof Error ? ('code' in error ? String(error.code) : error.name) : 'unknown',
  ...(error instanceof Error && 'responseCode' in error ? { smtp_status: error.responseCode } : {}),
})
