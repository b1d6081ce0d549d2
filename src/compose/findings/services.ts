import { type Config, findProxyDoubt } from '../../config.ts'
import { CLOCK_TOLERANCE_SECONDS } from '../../domain/base/clock-tolerance.ts'
import { FORWARDED_HEADERS } from '../../domain/base/forwarded-header.ts'
import { readMailTemplates } from '../../platform/mail-templates.ts'
import { openSmtp } from '../../platform/smtp.ts'
import { describeSmtpFault } from '../../platform/smtp-causes.ts'
import { examineKeys } from '../../signing/rotation.ts'
import type { EventPreparation } from '../../store/partitions/event-months.ts'
import type { DatabaseCapacity } from '../../store/postgres/index.ts'
import { type Found, findingOf, OK } from './finding.ts'

export const examineKeysDirectory = async ({ KEYS_DIR }: Config): Promise<Found> => {
  const examined = await examineKeys({ directory: KEYS_DIR, clock: () => new Date() })
  return { fault: examined?.faults.join('; ') ?? null }
}

/** `worker`: the node of Citus that `given` is of, where it is not the coordinator. */
type NodeCapacity = DatabaseCapacity & Readonly<{ worker?: string }>

/** The database's clock, and its connections for instances of this configuration. */
export const judgeCapacity = ({ needed, given, at, worker }: NodeCapacity, now: Date): Found => {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000)
  if (Math.abs(seconds) > CLOCK_TOLERANCE_SECONDS)
    return {
      fault: `the clock of Postgres differs by ${seconds} s from the one here`,
      advice: 'keep both right by NTP',
    }
  const limit = worker === undefined ? 'max_connections' : `max_connections of the worker ${worker}`
  const instances = Math.floor(given / needed)
  if (instances === 0)
    return {
      fault: `an instance may hold ${needed} connections, and ${limit} leaves ${given}`,
      advice: 'lower DATABASE_POOL_SIZE, or raise max_connections',
    }
  return {
    fault: null,
    note: `${limit} leaves ${given}, enough for ${instances} instances of ${needed}`,
  }
}

/** Months that have to be prepared, at least, so that an operator has time to act. */
const MONTHS_AHEAD_LEAST = 2

/** Whether the events of the next months have their partitions. `prepared` is null before the migration that makes the table. */
export const judgeEventMonths = (prepared: EventPreparation | null): Found => {
  if (prepared === null) return OK
  const { months_ahead, may_change, has_late_rows } = prepared
  if (months_ahead < MONTHS_AHEAD_LEAST)
    return {
      fault: null,
      isWarning: true,
      note: `the events have partitions for ${months_ahead === 0 ? 'no month' : 'one month'} ahead; without one, they go to the default partition`,
      advice: may_change
        ? 'the server prepares them every hour: if this stays, see in the log of Postgres what keeps it from the table, or run signetd migrate'
        : 'run signetd migrate, which prepares a year',
    }
  if (has_late_rows)
    return {
      fault: null,
      isWarning: true,
      note: 'events are in the default partition: their month was not prepared when they came',
      advice:
        'nothing is lost, and they leave when they are older than EVENT_RETENTION_DAYS; run signetd migrate at least once a year',
    }
  return { fault: null, note: `the events have partitions for ${months_ahead} months ahead` }
}

/** Whether the mail server takes this server's mails; nothing is sent. */
export const examineMail = async (config: Config): Promise<Found> => {
  const { SMTP_URL, MAIL_FROM, DATABASE_URL } = config
  const templates = await findingOf(async () => void readMailTemplates())
  if (templates.fault !== null) return templates
  if (SMTP_URL === null || MAIL_FROM === null)
    return { fault: null, ...(DATABASE_URL === null ? { note: PRINTED } : { note: OFF, isWarning: true }) }
  const smtp = openSmtp({ url: SMTP_URL, from: MAIL_FROM })
  try {
    await smtp.verify()
    return OK
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return { fault: `SMTP_URL: ${describeSmtpFault(error)} (${detail})` }
  } finally {
    smtp.close()
  }
}

const PRINTED =
  'mails are printed on standard error, for SMTP_URL is unset; set SMTP_URL and MAIL_FROM to send them'
const OFF =
  'no mail is sent, and no account can get a new password, for SMTP_URL is unset; set SMTP_URL and MAIL_FROM'

/** Requests are not seen from here: the finding says what is configured, and what the operator has to look at. */
export const examineProxies = ({ TRUSTED_PROXIES, TRUSTED_PROXY_HEADER, ISSUER }: Config): Found => {
  const doubt = findProxyDoubt({ TRUSTED_PROXIES, ISSUER })
  if (doubt !== null) return { fault: null, note: doubt, isWarning: true }
  if (TRUSTED_PROXIES.length === 0) return OK
  // Behind a range that holds every address, each client would name its own.
  if (TRUSTED_PROXIES.some(([, bits]) => bits === 0)) return { fault: EVERY_ADDRESS }
  const other = FORWARDED_HEADERS.find(header => header !== TRUSTED_PROXY_HEADER)
  const ranges = TRUSTED_PROXIES.map(([address, bits]) => `${address.toString()}/${bits}`).join(', ')
  return {
    fault: null,
    note: `${TRUSTED_PROXY_HEADER} is believed from ${ranges}: see that the proxies there append to it or set it, and remove ${other}`,
  }
}

const EVERY_ADDRESS =
  'TRUSTED_PROXIES holds every address, so that clients can name an address of their choice; name the addresses of your proxies alone'
