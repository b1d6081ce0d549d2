import { type Account, judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import { isPasswordHashable, normalizePassword } from '../../domain/account/password.ts'
import { isRenewalDue } from '../../domain/account/password-digest.ts'
import { aboutSignIn } from '../../domain/base/log-fields.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { ProblemReason } from '../../domain/refusals/problem-reasons.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Passwords } from '../../ports/effects.ts'
import type { GuessDelay } from '../access/guess-delay.ts'
import type { KnownDevices } from '../access/known-devices.ts'
import { namingSignIn } from '../access/naming-sign-in.ts'
import type { Offer } from '../factors/offer-factors.ts'
import type { CompleteSignIn, SignedIn, Welcomed } from './complete-sign-in.ts'
import type { MovePassword } from './move-password.ts'
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
  movePassword: MovePassword
  /** The bcrypt cost of new digests. */
  password_cost: number
}>

/** The outcome of the right password: a sign-in, or an offer of second factors of which one is still needed. */
export type SignInOutcome<S extends Welcomed = SignedIn> =
  | S
  | Readonly<{ outcome: 'second_factor_needed'; account: Account; offer: Offer }>

/**
 * Ours – Signs in with e-mail and password. Every refusal has the same answer and takes the same time. Each attempt costs one look-up,
 * and one digest for each form of the password. A malformed e-mail, which no account can have, costs the same: an e-mail that no account
 * has is looked up in its place.
 */
export const createSignIn =
  <S extends Welcomed>(needs: Needs<S>) =>
  async (credentials: Credentials): Promise<SignInOutcome<S>> => {
    const email = normalizeEmail(credentials.email)
    const account = await needs.accounts.findByEmail(judgeEmail(email) === null ? email : NO_EMAIL)
    return namingSignIn(aboutSignIn({ sub: account?.id, client_id: credentials.client.client_id }), () =>
      signInTo(needs, account, { ...credentials, email }),
    )
  }

const signInTo = async <S extends Welcomed>(
  needs: Needs<S>,
  found: Found,
  { email, password, acr_values, ...request }: Credentials,
): Promise<SignInOutcome<S>> => {
  const { client, refresh_transport, resources, device_token } = request
  const device = needs.knownDevices.recognise(device_token, found)
  const attempt = await needs.guessDelay({ subject: email, device })
  const matched =
    (await matchHere(needs, found, password)) ??
    (await matchElsewhere(needs, { account: found, email, password }))
  if (matched === null) {
    await attempt.failed()
    throw new Problem('AUTH_CREDENTIALS_INVALID', { reason: reasonOf(found) })
  }
  const { account, form } = matched
  await attempt.succeeded()
  await renewDigest(needs, account, normalizePassword(form))
  const asked = { account, client, refresh_transport, resources, acr_values, device }
  const offer = await needs.demandSecondFactor(asked)
  if (offer !== null) return { outcome: 'second_factor_needed', account, offer }
  return needs.completeSignIn({ ...request, account, amr: PASSWORD_AMR })
}

type Match = Readonly<{ account: NonNullable<Found>; form: string }>

/** A disabled account is matched like an unknown one: otherwise the time would tell that the password is right. */
const matchHere = async (
  { passwords }: Pick<Needs<Welcomed>, 'passwords'>,
  account: Found,
  password: string,
): Promise<Match | null> => {
  const digest = account?.disabled_at === null ? account.password_digest : null
  const form = await passwords.findForm(password, digest)
  return account === null || form === null ? null : { account, form }
}

/** A password that was just stored is matched again: of two sign-ins at once, or beside a reset, only one has stored its password. */
const matchElsewhere = async (
  needs: Pick<Needs<Welcomed>, 'accounts' | 'passwords' | 'movePassword'>,
  { account, email, password }: Readonly<{ account: Found; email: string; password: string }>,
): Promise<Match | null> => {
  const outcome = await needs.movePassword({ account, email, password })
  switch (outcome) {
    case 'not_moved':
      return null
    case 'right_unstored':
      return account && { account, form: password }
    case 'stored':
      return matchHere(needs, await needs.accounts.findByEmail(email), password)
  }
}

/**
 * Replaces a digest of a lower cost, or of an imported kind, with a new one of the same form of the password: the person may type another
 * Unicode form the next time. The digest stays where bcrypt cannot hold the password. Where the workers are busy, the next sign-in tries
 * again.
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

/** The reason of a refusal, for the log alone. */
const reasonOf = (account: Found): ProblemReason<'AUTH_CREDENTIALS_INVALID'> => {
  if (account === null) return 'email_unknown'
  return account.disabled_at === null ? 'password_wrong' : 'account_disabled'
}
