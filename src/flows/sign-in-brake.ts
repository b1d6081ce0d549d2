import { countingKeyOf } from '../domain/digest.ts'
import { Problem } from '../domain/problem.ts'
import { delayAfter } from '../domain/sign-in-delay.ts'
import type { Failures, Wait } from '../ports.ts'

type Needs = Readonly<{ failures: Failures; wait: Wait }>

type Attempt = Readonly<{
  /** What is guessed at: the password of an e-mail, or the codes of an account. */
  subject: string
  /** Null for a device that the account does not know. */
  device: Uint8Array | null
}>

/** Why the attempt was refused, when it could be judged; null where it was right. */
type Judge = () => Promise<string | null>

/** Has the attempt judged, when its time has come. */
export type Brake = (attempt: Attempt, judge: Judge) => ReturnType<Judge>

/** Attempts that may wait at once: some megabytes of sockets. Beyond them the answer is 429. */
const WAITING_AT_MOST = 1_000

/**
 * Contract – Slows guessing down: after five failures in a row each further attempt waits, a second and then longer, and is
 * then judged. Ours: it is held rather than refused. A refusal until some time has passed would be a lock in a stranger's
 * hand, who need only take every turn first. What waits holds a timer and no worker, the same for an unknown e-mail.
 * A known device does not wait for what strangers did: it has a row of failures of its own, so that a stolen one guesses no faster.
 * Each attempt counts as a failure until it is known for none: those that come at once would else be judged before any counts.
 */
export const createBrake = ({ failures, wait }: Needs): Brake => {
  let waiting = 0
  const hold = async (milliseconds: number) => {
    if (milliseconds === 0) return
    if (waiting >= WAITING_AT_MOST)
      throw new Problem('RATE_LIMITED', 'sign_in_delay', [], Math.ceil(milliseconds / 1000))
    waiting += 1
    try {
      await wait(milliseconds)
    } finally {
      waiting -= 1
    }
  }

  return async ({ subject, device }, judge) => {
    const strangers = accountRow(subject)
    const row = device === null ? strangers : deviceRow(device)
    const failuresBefore = (await failures.add(row)) - 1
    try {
      await hold(delayAfter(failuresBefore))
      const refusal = await judge()
      if (refusal === null)
        await Promise.all([...new Set([row, strangers])].map(each => failures.forget(each)))
      return refusal
    } catch (error) {
      await failures.withdraw(row)
      throw error
    }
  }
}

const deviceRow = (device: Uint8Array): string => `device:${Buffer.from(device).toString('hex')}`

const accountRow = (subject: string): string => `account:${countingKeyOf(subject)}`
