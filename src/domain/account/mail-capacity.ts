import type { MailOutcome } from './mail.ts'
import { isLate, victimOf, type Waiting } from './mail-priority.ts'

/** How many mails may wait, and how many may be sent at once. Pure: the queue itself is in platform/mail-queue.ts. */

/** Mails in the queue, at most, including those that are being sent; some megabytes. */
const QUEUE_LENGTH = 1_000
/** Waiting mails that are not urgent, at most, because every client may request a verification of every address. */
const ORDINARY_LENGTH = 600
/** Waiting mails that have failed before, at most. */
const LATE_LENGTH = 300

const AT_ONCE = 4
/** Bulkheads: mails of one kind that are sent at once, at most, so that a slow receiver of one kind always leaves a turn to the others. */
const ORDINARY_AT_ONCE = 3
const LATE_AT_ONCE = 2
const GROUP_AT_ONCE = 2
/** Mails of one group that are sent at once while the group has late mails. */
const LATE_GROUP_AT_ONCE = 1

type Overflow<W> = Readonly<{ victim: W | undefined; reason: MailOutcome }>

/** The waiting mail to drop, and why; null while there is room for all. `running` counts the mails that are being sent. */
export const overflowOf = <W extends Waiting>(waiting: readonly W[], running: number): Overflow<W> | null => {
  const late = waiting.filter(isLate)
  const ordinary = waiting.filter(({ isUrgent }) => !isUrgent)
  if (late.length > LATE_LENGTH) return { victim: victimOf(late), reason: 'too_many_late' }
  if (ordinary.length > ORDINARY_LENGTH) return { victim: victimOf(ordinary), reason: 'queue_full' }
  if (waiting.length + running > QUEUE_LENGTH) return { victim: victimOf(waiting), reason: 'queue_full' }
  return null
}

/** `isReady`: the mail's next attempt is due. */
type Timed = Waiting & Readonly<{ isReady: boolean }>

/** The waiting mails that may be sent now, beside the `running` ones. */
export const startableOf = <W extends Timed>(waiting: readonly W[], running: readonly W[]): readonly W[] => {
  if (running.length >= AT_ONCE) return []
  const isOrdinaryFull = running.filter(({ isUrgent }) => !isUrgent).length >= ORDINARY_AT_ONCE
  const isLateFull = running.filter(isLate).length >= LATE_AT_ONCE
  const slowGroups = new Set(waiting.filter(isLate).map(({ group }) => group))
  const isGroupFull = ({ group }: W) =>
    running.filter(each => each.group === group).length >=
    (slowGroups.has(group) ? LATE_GROUP_AT_ONCE : GROUP_AT_ONCE)
  return waiting.filter(
    mail =>
      mail.isReady &&
      (mail.isUrgent || !isOrdinaryFull) &&
      !(isLateFull && isLate(mail)) &&
      !isGroupFull(mail),
  )
}
