/** Which waiting mail is sent next, and which one is dropped. Pure: the queue itself is in platform/mail-queue.ts. */

/** The properties of a mail that decide the order. */
export type Waiting = Readonly<{
  /** A reset or a security notice, for which the owner of an account waits. */
  isUrgent: boolean
  /** The registrable domain, as `mailGroupOf` tells it; null while the address is not known. */
  group: string | null
  /** Failed attempts. */
  attempts: number
  /** Rises within a group, so that groups take turns. */
  turn: number
}>

/** A lower number goes first: urgent mails, then ordinary ones, and of each those that have not failed yet. */
const LANES = { urgent: 0, urgent_late: 1, ordinary: 2, ordinary_late: 3 } as const

const laneOf = ({ isUrgent, attempts }: Waiting): number => {
  if (isUrgent) return attempts === 0 ? LANES.urgent : LANES.urgent_late
  return attempts === 0 ? LANES.ordinary : LANES.ordinary_late
}

export const isLate = ({ attempts }: Waiting): boolean => attempts > 0

/** The mail of the lowest lane, and in that lane of the lowest turn. Undefined when none waits. */
export const nextOf = <W extends Waiting>(waiting: Iterable<W>): W | undefined => {
  let best: W | undefined
  for (const each of waiting) if (best === undefined || comesBefore(each, best)) best = each
  return best
}

const comesBefore = (one: Waiting, other: Waiting): boolean =>
  laneOf(one) === laneOf(other) ? one.turn < other.turn : laneOf(one) < laneOf(other)

/**
 * The mail to drop when too many wait. Ordinary mails are dropped before urgent ones. Of these, the largest group loses its newest mail
 * that has failed before, or its newest mail if none has. A group that floods the queue thus loses its own mails only.
 */
export const victimOf = <W extends Waiting>(waiting: readonly W[]): W | undefined => {
  const ordinary = waiting.filter(({ isUrgent }) => !isUrgent)
  const candidates = ordinary.length > 0 ? ordinary : waiting
  const counts = countsOf(candidates)
  const most = Math.max(...counts.values())
  const largest = candidates.filter(({ group }) => counts.get(group) === most)
  return largest.findLast(isLate) ?? largest.at(-1)
}

const countsOf = (waiting: readonly Waiting[]): ReadonlyMap<string | null, number> => {
  const counts = new Map<string | null, number>()
  for (const { group } of waiting) counts.set(group, (counts.get(group) ?? 0) + 1)
  return counts
}

/** Characters, at most, of the second-level names under which countries register the third level: co.uk, com.au, ac.jp. */
const SHORT_SECOND_LEVEL = 3

/**
 * Ours – The registrable domain of an address, as well as its labels tell it: the last two labels, or three under a country's short
 * second level. Subdomains cost an attacker nothing; registrable domains must be bought. A wrong guess only makes two owners share a turn.
 */
export const mailGroupOf = (email: string): string => {
  const labels = email
    .slice(email.lastIndexOf('@') + 1)
    .toLowerCase()
    .split('.')
  const [second = '', top = ''] = labels.slice(-2)
  const count = top.length === 2 && second.length <= SHORT_SECOND_LEVEL ? 3 : 2
  return labels.slice(-count).join('.')
}
