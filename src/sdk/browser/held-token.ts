import { elapsedBy } from '../verify/elapsed.ts'
import type { Tokens } from './auth.ts'

/** A token is renewed in the last tenth of its life, and at most this many seconds before its end. */
const RENEW_BEFORE_SECONDS = 60

type Held = Readonly<{ access_token: string; renew_at: number; expires_at: number }>

/**
 * The access token of a page, in memory only. Its age is counted from `expires_in` by the monotonic clock, because the clock of the machine
 * may be wrong.
 */
export const createHeldToken = () => {
  const elapsed = elapsedBy(undefined)
  let held: Held | null = null
  return {
    /** Returns the seconds until the token is to be renewed. */
    hold: ({ access_token, expires_in }: Tokens): number => {
      const renew_in = expires_in - Math.min(RENEW_BEFORE_SECONDS, expires_in / 10)
      const now = elapsed()
      held = { access_token, renew_at: now + renew_in, expires_at: now + expires_in }
      return renew_in
    },
    drop: () => {
      held = null
    },
    token: () => held?.access_token ?? null,
    isDue: () => held === null || elapsed() >= held.renew_at,
    isUsable: (refused: string | undefined) =>
      held !== null && held.access_token !== refused && elapsed() < held.expires_at,
  }
}
