/** Which waiting mail goes out next, and which one gives way. Pure: the queue itself is in platform/mail-queue.ts. */

/** What the order goes by. */
export type Waiting = Readonly<{
  /** Resets and security notices: what a person with an account waits for. */
  isUrgent: boolean
  /** Domains that one owner has, as far as a name can tell; null while the address is not known. */
  group: string | null
  /** Those that have failed. */
  attempts: number
  /** Rises within a group, so that groups take turns. */
  turn: number
}>

/** The less, the sooner. What is urgent comes first, and within it what has not failed yet. */
const LANES = { urgent: 0, urgent_late: 1, ordinary: 2, ordinary_late: 3 } as const

const laneOf = ({ isUrgent, attempts }: Waiting): number => {
  if (isUrgent) return attempts === 0 ? LANES.urgent : LANES.urgent_late
  return attempts === 0 ? LANES.ordinary : LANES.ordinary_late
}

export const isLate = ({ attempts }: Waiting): boolean => attempts > 0

/** By lane, and within a lane by turn. Undefined when nothing may go. */
export const nextOf = <W extends Waiting>(waiting: Iterable<W>): W | undefined => {
  let best: W | undefined
  for (const each of waiting) if (best === undefined || comesBefore(each, best)) best = each
  return best
}

const comesBefore = (one: Waiting, other: Waiting): boolean =>
  laneOf(one) === laneOf(other) ? one.turn < other.turn : laneOf(one) < laneOf(other)

/**
 * What gives way when there are too many: of what is not urgent, if there is any, the group that has most; of that group a late one, and
 * the newest. A group that floods the queue so gives way to itself, and each other keeps its share.
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

/** Second-level names under which a country registers its third level: co.uk, com.au, ac.jp. */
const SHORT_SECOND_LEVEL = 3

/**
 * Ours – The registrable domain of an address, as near as its labels tell: the last two, or three under a country's short second level.
 * A stranger makes subdomains at will and has to buy these. Where the guess is wrong, strangers share a turn, and nothing else.
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
