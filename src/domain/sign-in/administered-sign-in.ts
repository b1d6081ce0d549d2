import type { PastReason } from './sign-in-history.ts'
import { PAST_REASONS } from './sign-in-history.ts'

/** Whether a sign-in could be refreshed now, and why not. Judged in SQL, by store/admin/administered-sign-ins.ts. */
export const SIGN_IN_STATES = [
  'living',
  'ended',
  'expired',
  'idle',
  'account_disabled',
  'epoch_passed',
] as const
export type SignInState = (typeof SIGN_IN_STATES)[number]

/** A sign-in as administrators see it. */
export type AdministeredSignIn = Readonly<{
  id: string
  user_id: string
  email: string
  client_id: string
  scope: string
  amr: readonly string[]
  created_at: Date
  last_used_at: Date
  generation: number
  last_ip: string | null
  last_user_agent: string | null
  expires_at: Date
  idle_expires_at: Date
  state: SignInState
  /** Null for a living sign-in, and for one that the epoch has ended and whose row is not marked yet. */
  ended_at: Date | null
  reason: PastReason | null
}>

/** Ours – What the row of a sign-in tells of its past, the oldest first. Of the rotations it keeps the number and the time of the last one. */
export const stepsOf = ({ created_at, last_used_at, generation, ended_at, reason }: AdministeredSignIn) => [
  { at: created_at.toISOString(), step: 'issued', count: 1, because: null },
  ...(generation === 0
    ? []
    : [{ at: last_used_at.toISOString(), step: 'rotated', count: generation, because: null }]),
  ...(ended_at === null
    ? []
    : [{ at: ended_at.toISOString(), step: 'ended', count: 1, because: reason && PAST_REASONS[reason] }]),
]

/** Ours (docs/administration.md): what the administration shows of a sign-in. `because` is `reason` for people. */
export const presentAdministeredSignIn = (signIn: AdministeredSignIn) => ({
  sid: signIn.id,
  sub: signIn.user_id,
  email: signIn.email,
  client_id: signIn.client_id,
  created_at: signIn.created_at.toISOString(),
  last_used_at: signIn.last_used_at.toISOString(),
  generation: signIn.generation,
  ip: signIn.last_ip,
  user_agent: signIn.last_user_agent,
  expires_at: signIn.expires_at.toISOString(),
  idle_expires_at: signIn.idle_expires_at.toISOString(),
  state: signIn.state,
  ended_at: signIn.ended_at?.toISOString() ?? null,
  reason: signIn.reason,
  because: signIn.reason && PAST_REASONS[signIn.reason],
  amr: signIn.amr,
  scope: signIn.scope,
})
