import { countingKeyOf } from '../../domain/base/digest.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { GUESS_DELAY_MAX_MILLISECONDS, guessDelayAfter } from '../../domain/sign-in/guess-delay.ts'
import type { Wait } from '../../ports/effects.ts'
import type { GuessFailures } from '../../ports/limits.ts'

type Needs = Readonly<{ failures: GuessFailures; wait: Wait }>

/** One attempt to sign in. The caller reports its end. */
export type Attempt = Readonly<{ failed: () => Promise<void>; succeeded: () => Promise<void> }>

/** Resolves when the attempt may be judged. `device` is null for an unknown device. */
export type GuessDelay = (attempt: {
  /** The target of the guesses: the password of an e-mail, or the codes of an account. */
  subject: string
  device: Uint8Array | null
  /** A limit is used up: the delay is the longest one. */
  isFlooded?: true
}) => Promise<Attempt>

/** The most attempts that wait at once: some megabytes of sockets. A further one is answered 429. */
const WAITING_AT_MOST = 1_000

/**
 * Ours (docs/decisions/0032) – Slows guessing down: after five failures in a row each further attempt waits a second or more, and is then
 * judged. An attempt is delayed and never refused: a stranger could use refusals to lock the owner out. A waiting attempt holds a timer and
 * no worker. An unknown e-mail waits in the same way. The failures of each known device are counted apart: its owner does not wait for the
 * failures of strangers, and a stolen device guesses no faster.
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

/** A device's failures at the password and at the codes are counted apart: the right password must not allow new tries at the codes. */
const deviceRow = (device: Uint8Array, subject: string): string =>
  `device:${Buffer.from(device).toString('hex')}:${countingKeyOf(subject)}`

const accountRow = (subject: string): string => `account:${countingKeyOf(subject)}`
