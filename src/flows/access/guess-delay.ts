import { countingKeyOf } from '../../domain/base/digest.ts'
import { Problem } from '../../domain/base/problem.ts'
import { GUESS_DELAY_MAX_MILLISECONDS, guessDelayAfter } from '../../domain/sign-in/guess-delay.ts'
import type { Wait } from '../../ports/effects.ts'
import type { GuessFailures } from '../../ports/limits.ts'

type Needs = Readonly<{ failures: GuessFailures; wait: Wait }>

/** One attempt to sign in. Its caller reports the end: a failure is counted, a success clears the count. */
export type Attempt = Readonly<{ failed: () => Promise<void>; succeeded: () => Promise<void> }>

/** Resolves when the attempt may be judged. `device` is null for a device that the account does not know. */
export type GuessDelay = (attempt: {
  /** The target of the guesses: an e-mail for its password, an account for its codes. */
  subject: string
  device: Uint8Array | null
  /** The attempts exceed a limit: the delay is the longest one. */
  isFlooded?: true
}) => Promise<Attempt>

/** Attempts that may wait at once: some megabytes of sockets. A further attempt is answered with 429. */
const WAITING_AT_MOST = 1_000

/**
 * Ours (docs/decisions/0032) – Slows guessing down: after five failures in a row each further attempt waits, for one second at first and
 * then longer, before it is judged. An attempt is held, not refused: if attempts were refused for some time, a stranger who always came
 * first could lock the owner out. A held attempt takes a timer and no worker, and an unknown e-mail is delayed alike. A known device does
 * not wait for the failures of strangers: it has a count of its own, so that a stolen device guesses no faster.
 */
export const createGuessDelay = ({ failures, wait }: Needs): GuessDelay => {
  let waiting = 0
  const hold = async (milliseconds: number) => {
    if (milliseconds === 0) return
    if (waiting >= WAITING_AT_MOST)
      throw new Problem('RATE_LIMITED', {
        reason: 'sign_in_delay',
        retry_after_seconds: Math.ceil(milliseconds / 1000),
      })
    waiting += 1
    try {
      await wait(milliseconds)
    } finally {
      waiting -= 1
    }
  }

  return async ({ subject, device, isFlooded }) => {
    const strangers = accountRow(subject)
    const row = device === null ? strangers : deviceRow(device, subject)
    await hold(isFlooded ? GUESS_DELAY_MAX_MILLISECONDS : guessDelayAfter(await failures.count(row)))
    return {
      failed: () => failures.add(row),
      succeeded: async () => {
        await Promise.all([...new Set([row, strangers])].map(each => failures.forget(each)))
      },
    }
  }
}

/** A device has one count for the password and one for the codes: the right password must not grant new tries at the codes. */
const deviceRow = (device: Uint8Array, subject: string): string =>
  `device:${Buffer.from(device).toString('hex')}:${countingKeyOf(subject)}`

const accountRow = (subject: string): string => `account:${countingKeyOf(subject)}`
