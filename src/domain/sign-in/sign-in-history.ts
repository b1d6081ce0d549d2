import { describeDevice } from '../base/user-agent.ts'
import { END_REASONS } from './refresh-family.ts'

/**
 * Why a sign-in is over: the reasons for which a request ended it, and those for which it ended by itself. Which one holds is judged in
 * SQL, by store/accounts/sign-in-history.ts.
 */
export const PAST_REASONS = {
  ...END_REASONS,
  expired: 'The sign-in reached its longest life, REFRESH_TOKEN_MAX_SECONDS.',
  idle: 'The refresh token was not used for REFRESH_TOKEN_IDLE_SECONDS.',
  epoch_passed:
    'All sign-ins of the account were ended; the rows of its many sign-ins are still being marked.',
} as const satisfies Readonly<Record<string, string>>

export type PastReason = keyof typeof PAST_REASONS

/** A sign-in as an operator looks at it: living, or ended and still kept. */
export type PastSignIn = Readonly<{
  id: string
  client_id: string
  amr: readonly string[]
  created_at: Date
  last_used_at: Date
  /** Null for a living sign-in, and for an ended one whose row is not marked yet. */
  ended_at: Date | null
  /** Null for a living sign-in. */
  end_reason: PastReason | null
  last_ip: string | null
  last_user_agent: string | null
}>

/** What machines are shown of a sign-in. `reason` is for programs, `because` for people. */
export const presentPastSignIn = (signIn: PastSignIn) => ({
  sid: signIn.id,
  client_id: signIn.client_id,
  amr: signIn.amr,
  created_at: signIn.created_at.toISOString(),
  last_used_at: signIn.last_used_at.toISOString(),
  ended_at: signIn.ended_at?.toISOString() ?? null,
  reason: signIn.end_reason,
  because: signIn.end_reason && PAST_REASONS[signIn.end_reason],
  ip: signIn.last_ip,
  device: describeDevice(signIn.last_user_agent),
})
