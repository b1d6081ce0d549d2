import { Unavailable } from '../../domain/base/unavailable.ts'
import type { EventOrigin } from '../../domain/events/event.ts'
import type { Clock, Log } from '../../ports/effects.ts'
import type { CurrentOrigin, Events, NewEvent, RefusedSignIn, SignInRefusals } from '../../ports/events.ts'

/** Refusals of one reason that are written singly in one minute. */
const SINGLES_PER_REASON = 20
/** Beyond those: refusals of one account, so that its timeline has the first ones, */
const SINGLES_PER_ACCOUNT = 3
/** and of all accounts together. */
const SINGLES_OF_ACCOUNTS = 200
/** Clients that a minute's counts are kept apart for. Refusals of further clients are counted without a client. */
const CLIENTS_APART = 20
/**
 * Events that wait for the next flush, at most, and of those that an earlier flush could not write: a server whose database is away judges few
 * attempts.
 */
const WAITING_AT_MOST = 2_000

/** A count has no request of its own. */
const NO_ORIGIN: EventOrigin = { actor: null, ip: null, request_id: null }

type Needs = Readonly<{
  events: Pick<Events, 'write' | 'batches'>
  currentOrigin: CurrentOrigin
  clock: Clock
  log: Log
}>

/**
 * Ours – Records refused sign-ins as events, so that a flood of them writes a bounded number of rows: the first ones of each reason and of each
 * account in a minute singly, and the others as one row for a minute, a reason and a client, with their `count`. The bound of one instance
 * is 20 for each reason, 200 for accounts and 21 counts for each reason, whatever the number of attempts. `flush` writes what waits, by
 * batch; what it could not write waits for the next one, and leaves room for others.
 */
export const createSignInRefusals = ({
  events,
  currentOrigin,
  clock,
  log,
}: Needs): SignInRefusals & Readonly<{ flush: () => Promise<void>; finish: () => Promise<void> }> => {
  let waiting: readonly NewEvent[] = []
  let unwritten: readonly NewEvent[] = []
  let lost = 0
  let minute = openMinute(minuteOf(clock()))

  const bound = (events: readonly NewEvent[]) => {
    lost += Math.max(0, events.length - WAITING_AT_MOST)
    return events.slice(0, WAITING_AT_MOST)
  }
  const wait = (added: readonly NewEvent[]) => {
    waiting = bound([...waiting, ...added])
  }
  const closeMinute = (next: number) => {
    wait(minute.counts())
    minute = openMinute(next)
  }
  const isWritten = async (batch: readonly NewEvent[]): Promise<boolean> => {
    try {
      await events.write(batch)
      return true
    } catch (error) {
      // An unavailable Postgres is logged elsewhere.
      if (!(error instanceof Unavailable))
        log.error({ error: String(error) }, 'refused sign-ins could not be recorded')
      return false
    }
  }
  const writeWaiting = async () => {
    const batches = events.batches([...unwritten, ...waiting])
    waiting = []
    const left: (readonly NewEvent[])[] = []
    for (const batch of batches) if (!(await isWritten(batch))) left.push(batch)
    unwritten = bound(left.flat())
    if (lost === 0 || left.length === batches.length) return
    log.warn({ dropped: lost }, 'refused sign-ins were not recorded: too many waited for the database')
    lost = 0
  }

  return {
    refused: refusal => {
      const now = minuteOf(clock())
      if (now !== minute.begin) closeMinute(now)
      if (minute.isSingle(refusal)) wait([eventOf(refusal, currentOrigin())])
    },
    flush: async () => {
      const now = minuteOf(clock())
      if (now !== minute.begin) closeMinute(now)
      if (waiting.length + unwritten.length > 0) await writeWaiting()
    },
    finish: async () => {
      closeMinute(minuteOf(clock()))
      if (waiting.length + unwritten.length > 0) await writeWaiting()
    },
  }
}

const MINUTE_MILLISECONDS = 60_000

const minuteOf = (time: Date): number => Math.floor(time.getTime() / MINUTE_MILLISECONDS)

const eventOf = ({ reason, cause, sub, client_id }: RefusedSignIn, origin: EventOrigin): NewEvent => ({
  kind: 'sign_in.refused',
  outcome: 'refused',
  reason,
  sub,
  client_id,
  details: cause === null ? {} : { cause },
  origin,
})

/** The refusals of one minute, in bounded memory: what was written singly, and counts of the others. */
const openMinute = (begin: number) => {
  const singles = new Map<string, number>()
  const ofAccounts = new Map<string, number>()
  const clients = new Set<string>()
  const counts = new Map<string, NewEvent & Readonly<{ count: number }>>()
  let singles_of_accounts = 0

  const isFirstOfReason = (reason: string): boolean => {
    const before = singles.get(reason) ?? 0
    if (before >= SINGLES_PER_REASON) return false
    singles.set(reason, before + 1)
    return true
  }
  const isFirstOfAccount = (sub: string | null): boolean => {
    if (sub === null || singles_of_accounts >= SINGLES_OF_ACCOUNTS) return false
    const before = ofAccounts.get(sub) ?? 0
    if (before >= SINGLES_PER_ACCOUNT) return false
    ofAccounts.set(sub, before + 1)
    singles_of_accounts++
    return true
  }
  const clientApart = (client_id: string | null): string | null => {
    if (client_id === null || (!clients.has(client_id) && clients.size >= CLIENTS_APART)) return null
    clients.add(client_id)
    return client_id
  }
  const count = ({ reason, client_id: named }: RefusedSignIn) => {
    const client_id = clientApart(named)
    const key = `${reason} ${client_id ?? ''}`
    counts.set(key, {
      kind: 'sign_in.refused',
      outcome: 'refused',
      reason,
      client_id,
      count: (counts.get(key)?.count ?? 0) + 1,
      details: { minute: new Date(begin * MINUTE_MILLISECONDS).toISOString() },
      origin: NO_ORIGIN,
    })
  }

  return {
    begin,
    /** False: it is counted instead. */
    isSingle: (refusal: RefusedSignIn): boolean => {
      if (isFirstOfReason(refusal.reason) || isFirstOfAccount(refusal.sub)) return true
      count(refusal)
      return false
    },
    counts: (): readonly NewEvent[] => [...counts.values()],
  }
}
