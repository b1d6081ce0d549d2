import { judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import { isPasswordHashable, normalizePassword } from '../../domain/account/password.ts'
import { isRenewalDue } from '../../domain/account/password-digest.ts'
import { Problem, type ProblemReason } from '../../domain/base/problem.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Passwords } from '../../ports/effects.ts'
import type { GuessDelay } from '../access/guess-delay.ts'
import type { KnownDevices } from '../access/known-devices.ts'
import type { RequireResources } from '../access/require-resources.ts'
import type { Offer } from '../factors/offer-factors.ts'
import type { CompleteSignIn, SignedIn, Welcomed } from './complete-sign-in.ts'
import type { SecondFactorSignIn } from './second-factor-sign-in.ts'
import { type Credentials, PASSWORD_AMR } from './sign-up.ts'

/** An e-mail that no account has. */
const NO_EMAIL = ''

type Needs<S extends Welcomed> = Readonly<{
  accounts: Accounts
  passwords: Passwords
  knownDevices: KnownDevices
  guessDelay: GuessDelay
  demandSecondFactor: SecondFactorSignIn['demand']
  completeSignIn: CompleteSignIn<S>
  requireResources: RequireResources
  /** bcrypt cost of the digests that are made today. */
  password_cost: number
}>

/** What comes of the right password: a sign-in, or the factors of which one is still needed. */
export type SignInOutcome<S extends Welcomed = SignedIn> =
  | S
  | Readonly<{ outcome: 'second_factor_needed'; offer: Offer }>

/**
 * Ours – Signs in with e-mail and password. Every refusal has the same answer and takes the same time. Each attempt costs one look-up,
 * and one digest for each form of the password. An e-mail that can never have been registered costs the same: the look-up asks for an
 * e-mail that no account has.
 */
export const createSignIn =
  <S extends Welcomed>(needs: Needs<S>) =>
  async ({ email: given, password, acr_values, ...request }: Credentials): Promise<SignInOutcome<S>> => {
    const { client, refresh_transport, resources, device_token } = request
    needs.requireResources(client, resources)
    const email = normalizeEmail(given)
    const account = await needs.accounts.findByEmail(judgeEmail(email) === null ? email : NO_EMAIL)
    const device = needs.knownDevices.recognise(device_token, account)
    const attempt = await needs.guessDelay({ subject: email, device })
    // A disabled account is matched like an unknown one: otherwise the time would tell that the password is right.
    const digest = account?.disabled_at === null ? account.password_digest : null
    const form = await needs.passwords.findForm(password, digest)
    if (account === null || form === null) {
      await attempt.failed()
      throw new Problem('AUTH_CREDENTIALS_INVALID', { reason: reasonOf(account) })
    }
    await attempt.succeeded()
    await renewDigest(needs, account, normalizePassword(form))
    const asked = { account, client, refresh_transport, resources, acr_values, device }
    const offer = await needs.demandSecondFactor(asked)
    if (offer !== null) return { outcome: 'second_factor_needed', offer }
    return needs.completeSignIn({ ...request, account, amr: PASSWORD_AMR })
  }

/**
 * A digest of lower cost or imported kind gives way to one of today's, of the form that it is of: the person may type it in another
 * one the next time. It stays where bcrypt cannot hold the password. When the workers are busy there will be a next time.
 */
const renewDigest = async (
  { accounts, passwords, password_cost }: Pick<Needs<Welcomed>, 'accounts' | 'passwords' | 'password_cost'>,
  { id, password_digest: from }: NonNullable<Found>,
  password: string,
): Promise<void> => {
  if (from === null || !isRenewalDue(from, password_cost) || !isPasswordHashable(password)) return
  try {
    await accounts.renewDigest({ id, from, to: await passwords.hash(password) })
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
  }
}

type Found = Awaited<ReturnType<Accounts['findByEmail']>>

/** Why not, for the log alone. */
const reasonOf = (account: Found): ProblemReason<'AUTH_CREDENTIALS_INVALID'> => {
  if (account === null) return 'email_unknown'
  return account.disabled_at === null ? 'password_wrong' : 'account_disabled'
}
