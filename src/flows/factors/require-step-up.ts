import type { Account } from '../../domain/account/account.ts'
import { Problem } from '../../domain/base/problem.ts'
import { ACR } from '../../domain/oauth/acr.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Clock, Passwords } from '../../ports/effects.ts'
import type { Factors, FactorsOf } from '../../ports/factors.ts'
import type { Limit } from '../../ports/limits.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'
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
  /** For one sign-in: a thief of one can neither guess on nor keep the account's owner from a change at another. */
  limit: Limit
}>

/** What a request shows beside its access token; null: nothing of that kind. */
export type OwnerProof = Readonly<{
  current_password: string | null
  factor: OwnFactorProof | null
  own_refresh_token: OwnRefreshToken | null
  device_token: string | null
}>

/** Throws a 401 unless the request comes from the account's owner. */
export type RequireStepUp = (bearer: Bearer, ownerProof: OwnerProof) => Promise<void>

/** Seconds for which a sign-in may change how its account signs in without being asked again. */
const FRESH_SECONDS = 300

/**
 * Ours – For whatever changes how an account signs in. An access token is not enough: every service that it is sent to has it.
 * The request shows the password, and a factor too where the account has one; a passkey, which verifies its user, is both. A sign-in
 * of the last minutes and of the account's highest class may show its own refresh token instead. Whether that is enough is
 * judged before the proof, so that no guess at the password alone is answered. A password and a factor are judged also where they
 * need not be; a refresh token only where these are not enough, so that one which the browser sends by itself ends no sign-in.
 */
export const createRequireStepUp =
  (needs: Needs): RequireStepUp =>
  async (bearer, ownerProof) => {
    const { account, claims } = bearer
    await requireAllowance(needs.limit, claims.sid ?? account.id)
    const has = await needs.factors.find(account.id)
    const device = needs.knownDevices.recognise(ownerProof.device_token, account)
    if (!isComplete(ownerProof, has)) await requireFresh(needs, { bearer, ownerProof, has, device })
    if (ownerProof.current_password !== null)
      await provePassword(needs, { account, device, current_password: ownerProof.current_password })
    if (ownerProof.factor !== null) await needs.proveOwnFactor(bearer, ownerProof.factor)
  }

/** The last look before a proof is spent: a recovery code is not spent on a wrong password. */
const isComplete = ({ current_password, factor }: OwnerProof, has: FactorsOf): boolean => {
  if (factor?.proof.kind === 'passkey') return true
  return current_password !== null && (factor !== null || !hasFactor(has))
}

type Asking = Readonly<{ bearer: Bearer; ownerProof: OwnerProof; has: FactorsOf; device: Uint8Array | null }>

/** RFC 9470 §3 – Throws unless the sign-in is fresh, of the account's highest class, and shows its own refresh token. */
const requireFresh = async (
  { clock, holdsRefreshToken }: Needs,
  { bearer, ownerProof: { own_refresh_token }, has, device }: Asking,
): Promise<void> => {
  const { acr, auth_time = 0 } = bearer.claims
  const isHeld = own_refresh_token !== null && (await holdsRefreshToken(bearer, own_refresh_token))
  const isFresh = clock().getTime() / 1000 - auth_time < FRESH_SECONDS
  const isHighest = acr === ACR.mfa || !hasFactor(has)
  if (isHeld && isFresh && isHighest) return
  const reason = !isHighest ? 'one_factor' : isFresh ? 'refresh_token_not_shown' : 'not_fresh'
  throw new Problem('AUTH_STEP_UP_REQUIRED', { reason, ...demandOf(has, device !== null) })
}

/** What would be enough: as a challenge (RFC 9470 §3), and for the application in words. */
const demandOf = (has: FactorsOf, isKnownDevice: boolean) => ({
  demand: { acr_values: hasFactor(has) ? ACR.mfa : null, max_age_seconds: FRESH_SECONDS },
  members: {
    needed: ['current_password', ...(hasFactor(has) ? ['factor'] : [])],
    ...(hasFactor(has) ? openKinds(has, isKnownDevice) : {}),
  },
})

type Guess = Readonly<{ account: Account; device: Uint8Array | null; current_password: string }>

/**
 * Counted and slowed down together with the guesses at the sign-in: asking here gets no more of them, and a known device waits for
 * none of a stranger's.
 */
const provePassword = async (needs: Needs, { account, device, current_password }: Guess): Promise<void> => {
  const attempt = await needs.guessDelay({ subject: account.email, device })
  if (!(await isCurrentPassword(needs, account, current_password))) {
    await attempt.failed()
    throw new Problem('AUTH_CREDENTIALS_INVALID', { reason: 'password_wrong' })
  }
  await attempt.succeeded()
}
