/** RFC 7517 §4, RFC 7518 §6.3.1 – The public half of a signing key. */
export type PublicJwk = Readonly<{ kty: 'RSA'; use: 'sig'; alg: 'RS256'; kid: string; n: string; e: string }>

/** Seconds that verifiers may cache the JWKS: the `max-age` of its answer. */
export const JWKS_CACHE_SECONDS = 300

/** Seconds for which a key is published before it signs: twice the cache time, so that slow verifiers have it by then. */
export const ANNOUNCE_SECONDS = 2 * JWKS_CACHE_SECONDS

/** Seconds for which a key stays published after its last signature: the longest life of a token, and a margin for clocks that differ. */
export const RETAIN_SECONDS = 86_400 + JWKS_CACHE_SECONDS

/** A key as the rotation schedule sees it. */
export type RingKey = Readonly<{
  kid: string
  /** The name of its file; any name will do. */
  file: string
  /** Null for a key without a start in its file: it has signed since before the schedule began. */
  signs_from: Date | null
  /** The time of its first publication; null where that is unknown. */
  announced_at: Date | null
}>

export type KeyState = 'announced' | 'signing' | 'retired' | 'dropped'

/**
 * A key retires when its successor starts to sign, and is dropped when the last token that it can have signed has expired. Null: not known
 * yet.
 */
export type KeyStatus = Readonly<{ state: KeyState; retired_at: Date | null; drop_at: Date | null }>

/**
 * Ours – The rotation schedule: the state of each key at this moment, the oldest key first. The states follow from the keys and the time
 * alone, so that replicas agree without communication. The oldest key signs even before its start, because some key has to.
 */
export const judgeRing = <K extends RingKey>(keys: readonly K[], now: Date): readonly (K & KeyStatus)[] => {
  const ordered = keys.toSorted(byAge)
  const signing = Math.max(
    0,
    ordered.findLastIndex(key => startOf(key) <= now.getTime()),
  )
  return ordered.map((key, index) => {
    const retired_at = ordered[index + 1]?.signs_from ?? null
    const drop_at = retired_at && plusSeconds(retired_at, RETAIN_SECONDS)
    return { ...key, state: stateOf(index - signing, drop_at, now), retired_at, drop_at }
  })
}

/** A replaced key of an operator, whose end is unknown, stays retired until its file is removed. */
const stateOf = (place: number, drop_at: Date | null, now: Date): KeyState => {
  if (place > 0) return 'announced'
  if (place === 0) return 'signing'
  return drop_at !== null && drop_at <= now ? 'dropped' : 'retired'
}

/** The next moment at which a state changes without an operator; null when no state will. */
export const nextChange = (ring: readonly (RingKey & KeyStatus)[], now: Date): Date | null => {
  const changes = ring.flatMap(key => [key.signs_from, key.drop_at])
  return changes.reduce((next, at) => (at && at > now && (!next || at < next) ? at : next), null)
}

/** Ours: due as soon as a key that is announced now would take over on time; never while an announced key waits for its start. */
export const isRotationDue = (
  ring: Parameters<typeof nextRotation>[0],
  { now, every_seconds }: { now: Date; every_seconds: number },
): boolean => {
  if (ring.length === 0) return true
  const due = nextRotation(ring, every_seconds)
  return due !== null && due <= now
}

/** When the next key must be announced. Null while an announced key waits, or where no key, or a key of unknown age, signs. */
export const nextRotation = (
  ring: readonly (Pick<RingKey, 'signs_from' | 'announced_at'> & KeyStatus)[],
  every_seconds: number,
): Date | null => {
  const newest = ring.at(-1)
  if (newest?.state !== 'signing') return null
  const since = newest.signs_from ?? newest.announced_at
  return since && plusSeconds(since, every_seconds - ANNOUNCE_SECONDS)
}

/** Seconds by which the automatic rotation, which tries every hour, may be late before an operator is warned. */
const OVERDUE_SECONDS = 2 * 3600

/** Seconds before the due time at which an operator who rotates by hand is warned. */
const NOTICE_SECONDS = 7 * 86_400

/** Ours: seconds until the next key is due (negative: overdue), and whether an operator has to act. */
export const judgeRotation = (
  ring: Parameters<typeof nextRotation>[0],
  { now, every_seconds, isReadOnly }: { now: Date; every_seconds: number; isReadOnly: boolean },
): Readonly<{ due_seconds: number | null; needsAttention: boolean }> => {
  const due = nextRotation(ring, every_seconds)
  if (due === null) return { due_seconds: null, needsAttention: false }
  const due_seconds = (due.getTime() - now.getTime()) / 1000
  return { due_seconds, needsAttention: due_seconds < (isReadOnly ? NOTICE_SECONDS : -OVERDUE_SECONDS) }
}

/** The start of a key that is announced now: two seconds later, for file names of whole seconds and replicas that look each second. */
export const startAnnounced = (now: Date): Date => plusSeconds(wholeSecond(now), ANNOUNCE_SECONDS + 2)

/** When a key that replaces this one at once starts to sign. Never in the same second: the order of their names would then decide. */
export const startAtOnce = (signing: RingKey | undefined, now: Date): Date => {
  const second = wholeSecond(now)
  const start = signing?.signs_from ?? null
  return start !== null && start >= second ? plusSeconds(start, 1) : second
}

/** Ours: `20261121T070000Z.<kid>.pem`. The start is in the name, so that a change of state is one atomic rename. */
export const formatKeyName = ({ kid, signs_from }: { kid: string; signs_from: Date }): string =>
  `${signs_from.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z.${kid}.pem`

/** The start in a scheduled key's name; null for any other name. An impossible date does not format back to its name. */
export const parseKeyName = (file: string): Date | null => {
  const [, ...digits] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.[\w-]{43}\.pem$/.exec(file) ?? []
  const [year, month = 0, day, hour, minute, second] = digits.map(Number)
  return year === undefined ? null : new Date(Date.UTC(year, month - 1, day, hour, minute, second))
}

export const plusSeconds = (date: Date, seconds: number): Date => new Date(date.getTime() + seconds * 1000)

const wholeSecond = (date: Date): Date => new Date(Math.floor(date.getTime() / 1000) * 1000)

const startOf = (key: RingKey): number => key.signs_from?.getTime() ?? -Infinity

const byAge = (one: RingKey, other: RingKey): number => {
  const [start, otherStart] = [startOf(one), startOf(other)]
  if (start !== otherStart) return start < otherStart ? -1 : 1
  return one.kid < other.kid ? -1 : 1
}
