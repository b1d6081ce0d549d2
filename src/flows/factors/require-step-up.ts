import type { Account } from '../../domain/account/account.ts'
import { ACR } from '../../domain/oauth/acr.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Clock, Passwords } from '../../ports/effects.ts'
import type { Factors, FactorsOf } from '../../ports/factors.ts'
import type { Limit } from '../../ports/limits.ts'
import { actorKeyOf, type Owner } from '../access/actor.ts'
import type { GuessDelay } from '../access/guess-delay.ts'
import type { KnownDevices } from '../access/known-devices.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import { isCurrentPassword } from './current-password.ts'
import type { HoldsRefreshToken, OwnRefreshToken } from './holds-refresh-token.ts'
import { hasFactor, openKinds } from './offer-factors.ts'
import type { OwnFactorProof, ProveOwnFactor } from './prove-own-factor.ts'

type Needs = Readonly<{
  accounts: Accounts
  passwords: Passwords
  factors: Factors
  guessDelay: GuessDelay
  knownDevices: Pick<KnownDevices, 'recognise'>
  proveOwnFactor: ProveOwnFactor
  holdsRefreshToken: HoldsRefreshToken
  clock: Clock
  /** The proofs of one sign-in: a thief of it can guess no longer, and cannot keep the owner from a change at another sign-in. */
  limit: Limit
}>

/** What a request shows beside its access token; null stands for an absent part. */
export type OwnerProof = Readonly<{
  current_password: string | null
  factor: OwnFactorProof | null
  own_refresh_token: OwnRefreshToken | null
  device_token: string | null
}>

/** Throws a 401 unless the request comes from the account's owner. */
export type RequireStepUp = (owner: Owner, ownerProof: OwnerProof) => Promise<void>

/** Seconds after a sign-in in which it may change how its account signs in without another proof. */
const FRESH_SECONDS = 300

/**
 * Ours – Guards every change of how an account signs in. An access token is not enough, because every service that it is sent to has it.
 * The request shows the password, and a factor too where the account has one. A passkey verifies its user and stands for both. A fresh
 * sign-in of the account's highest class may show its own refresh token instead. Completeness is judged before the proofs, so that an
 * incomplete request learns nothing about a guessed password. A password and a factor are judged wherever they are shown. A refresh token
 * is judged only where they do not suffice, so that a superseded cookie, which the browser sends by itself, ends no sign-in needlessly.
 */
export const createRequireStepUp =
  (needs: Needs): RequireStepUp =>
  async (owner, ownerProof) => {
    const { account } = owner
    await requireAllowance(needs.limit, actorKeyOf(owner))
    const has = await needs.factors.find(account.id)
    const device = needs.knownDevices.recognise(ownerProof.device_token, account)
    // The password is judged before the factor: a wrong password spends no recovery code.
    if (!isComplete(ownerProof, has)) await requireFresh(needs, { owner, ownerProof, has, device })
    if (ownerProof.current_password !== null)
      await provePassword(needs, { account, device, current_password: ownerProof.current_password })
    if (ownerProof.factor !== null) await needs.proveOwnFactor(owner, ownerProof.factor)
  }

/** True where the request shows a password or passkey, and a factor where the account has one. */
const isComplete = ({ current_password, factor }: OwnerProof, has: FactorsOf): boolean => {
  if (factor?.proof.kind === 'passkey') return true
  return current_password !== null && (factor !== null || !hasFactor(has))
}

type Asking = Readonly<{ owner: Owner; ownerProof: OwnerProof; has: FactorsOf; device: Uint8Array | null }>

/** RFC 9470 §3 – Throws unless the sign-in is fresh, of the account's highest class, and shows its own refresh token. */
const requireFresh = async (
  { clock, holdsRefreshToken }: Needs,
  { owner, ownerProof: { own_refresh_token }, has, device }: Asking,
): Promise<void> => {
  // The cookie of a browser session goes to this server alone, and names the session by its current secret.
  const isHeld =
    'session_id' in owner.acts_by ||
    (own_refresh_token !== null && (await holdsRefreshToken(owner, own_refresh_token)))
  const reason = judgeFreshness(owner, { has, now: clock() }) ?? (isHeld ? null : 'refresh_token_not_shown')
  if (reason === null) return
  throw new Problem('AUTH_STEP_UP_REQUIRED', { reason, ...demandOf(has, device !== null) })
}

type Judging = Readonly<{ has: FactorsOf; now: Date }>

/** Null for a sign-in that is fresh and of the account's highest class; else what it lacks. */
export const judgeFreshness = (
  { acr, auth_time }: Owner,
  { has, now }: Judging,
): 'one_factor' | 'not_fresh' | null => {
  if (acr !== ACR.mfa && hasFactor(has)) return 'one_factor'
  return now.getTime() / 1000 - auth_time < FRESH_SECONDS ? null : 'not_fresh'
}

/** The missing proof: as a challenge (RFC 9470 §3), and as members of the problem for the application. */
const demandOf = (has: FactorsOf, isKnownDevice: boolean) => ({
  demand: { acr_values: hasFactor(has) ? ACR.mfa : null, max_age_seconds: FRESH_SECONDS },
  members: {
    needed: ['current_password', ...(hasFactor(has) ? ['factor'] : [])],
    ...(hasFactor(has) ? openKinds(has, isKnownDevice) : {}),
  },
})

type Guess = Readonly<{ account: Account; device: Uint8Array | null; current_password: string }>

/**
 * Judges the password. Its failures are counted and delayed together with those of the sign-in, so that this endpoint allows no extra
 * guesses; a known device does not wait for the failures of strangers.
 */
const provePassword = async (needs: Needs, { account, device, current_password }: Guess): Promise<void> => {
  const attempt = await needs.guessDelay({ subject: account.email, device })
  if (!(await isCurrentPassword(needs, account, current_password))) {
    await attempt.failed()
    throw new Problem('AUTH_CREDENTIALS_INVALID', { reason: 'password_wrong' })
  }
  await attempt.succeeded()
}
