import { countingKeyOf } from '../../domain/base/digest.ts'
import { Problem } from '../../domain/base/problem.ts'
import { GUESS_DELAY_MAX_MILLISECONDS, guessDelayAfter } from '../../domain/sign-in/guess-delay.ts'
import type { Wait } from '../../ports/effects.ts'
import type { GuessFailures } from '../../ports/limits.ts'

type Needs = Readonly<{ failures: GuessFailures; wait: Wait }>

/** One attempt to sign in, and what is to be said of it when it is over. */
export type Attempt = Readonly<{ failed: () => Promise<void>; succeeded: () => Promise<void> }>

/** Resolves when the attempt may be judged. `device` is null for a device that the account does not know. */
export type GuessDelay = (attempt: {
  /** What is guessed at: the password of an e-mail, or the codes of an account. */
  subject: string
  device: Uint8Array | null
  /** More attempts than a limit allows have come: the delay is the longest. */
  isFlooded?: true
}) => Promise<Attempt>

/** Attempts that may wait at once: some megabytes of sockets. Beyond them the answer is 429. */
const WAITING_AT_MOST = 1_000

/**
 * Ours (docs/decisions/0032) – Slows guessing down: after five failures in a row each further attempt waits, a second and then longer, and is
 * then judged. It is held rather than refused. A refusal until some time has passed would be a lock in a stranger's
 * hand, who need only take every turn first. What waits holds a timer and no worker, the same for an unknown e-mail.
 * A known device does not wait for what strangers did: it has a row of failures of its own, so that a stolen one guesses no faster.
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

/** A device guesses at a password and at codes apart: the right password must not give it new tries at the codes. */
const deviceRow = (device: Uint8Array, subject: string): string =>
  `device:${Buffer.from(device).toString('hex')}:${countingKeyOf(subject)}`

const accountRow = (subject: string): string => `account:${countingKeyOf(subject)}`
