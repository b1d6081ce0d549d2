import type { Mail } from '../domain/account/mail.ts'
import { mailGroupOf } from '../domain/account/mail-priority.ts'
import type { AboutRequest } from '../domain/base/log-fields.ts'
import type { Log, Metrics } from '../ports/effects.ts'
import type { Errand } from '../ports/mail.ts'
import { describeSmtpFault } from './smtp-causes.ts'

/** The entry of the queue: an attempt reads it and updates it for the next attempt. */
type Attempted = {
  readonly errand: Errand
  readonly isUrgent: boolean
  /** The fields of the request in the log lines of this mail. */
  readonly about: AboutRequest | null
  group: string | null
  /** Null until the errand has been run. */
  mail: Mail | null
  /** Attempts that have failed. */
  attempts: number
}

export type AttemptNeeds = Readonly<{
  /** Rejects when the mail did not go out. Bounded in time. */
  deliver: (mail: Mail) => Promise<void>
  metrics: Pick<Metrics, 'mailed'>
  log: Log
  /** Milliseconds before each further attempt; by default a second to ten minutes, within the life of a link. */
  retry_milliseconds?: readonly number[]
  /** True once no further attempt is to follow. */
  isClosed: () => boolean
}>

const RETRY_MILLISECONDS = [1_000, 5_000, 30_000, 120_000, 600_000]

/**
 * Tries to send a mail. Returns the milliseconds to wait before the next attempt; null when no attempt follows, because the mail was
 * sent, the errand made no mail, or the mail was given up. Never rejects.
 */
export const createMailAttempt = ({
  deliver,
  metrics,
  log,
  retry_milliseconds = RETRY_MILLISECONDS,
  isClosed,
}: AttemptNeeds) => {
  const send = async (entry: Attempted): Promise<void> => {
    entry.mail ??= await entry.errand()
    if (entry.mail === null) return
    entry.group = mailGroupOf(entry.mail.to)
    await deliver(entry.mail)
    metrics.mailed('sent')
  }

  const fail = (entry: Attempted, error: unknown): number | null => {
    const isFinal = isRefused(error)
    const pause = isFinal || isClosed() ? undefined : retry_milliseconds[entry.attempts]
    entry.attempts += 1
    const fields = { ...describeMail(entry), ...codesOf(error), ...causeOf(entry, error) }
    if (pause === undefined) {
      metrics.mailed(isFinal ? 'refused' : 'given_up')
      log.error(fields, 'a mail was given up')
      return null
    }
    if (entry.attempts === 1) log.warn(fields, 'a mail is late: it will be tried again')
    return pause
  }

  return async (entry: Attempted): Promise<number | null> => {
    try {
      await send(entry)
      return null
    } catch (error) {
      return fail(entry, error)
    }
  }
}

/** Without a mail, the errand itself failed and the mail server was not asked. */
const causeOf = ({ mail }: Attempted, error: unknown) =>
  mail === null ? {} : { cause: describeSmtpFault(error) }

/** The fields for the log: the name of the mail and its account, but neither its address nor its text. */
export const describeMail = ({ mail, attempts, isUrgent, about }: Omit<Attempted, 'errand'>) => ({
  event: 'mail',
  ...about,
  ...(mail === null ? {} : { mail: mail.name }),
  ...(mail === null || mail.account_id === null ? {} : { sub: mail.account_id }),
  attempts,
  urgent: isUrgent,
})

/** RFC 5321 §4.2.1 – 5yz: the same command will never be accepted. */
const isRefused = (error: unknown): boolean => Number(codesOf(error).smtp_status) >= 500

/** Only codes, because the message of a mail server repeats the address, and the message of a database driver may repeat a row. */
const codesOf = (error: unknown) => ({
  error: error instanceof Error ? ('code' in error ? String(error.code) : error.name) : 'unknown',
  ...(error instanceof Error && 'responseCode' in error ? { smtp_status: error.responseCode } : {}),
})
