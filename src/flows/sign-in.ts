import { isPasswordTooLong, normalizeEmail, normalizePassword } from '../domain/account.ts'
import { Problem } from '../domain/problem.ts'
import type { Accounts, Passwords } from '../ports.ts'
import type { KnownDevices } from './known-devices.ts'
import type { OpenSignIn } from './open-sign-in.ts'
import type { Brake } from './sign-in-brake.ts'
import { type Credentials, PASSWORD_AMR, type SignedIn } from './sign-up.ts'

type Needs = Readonly<{
  accounts: Accounts
  passwords: Passwords
  openSignIn: OpenSignIn
  knownDevices: KnownDevices
  brake: Brake
}>

/**
 * Contract – Signs in with e-mail and password. One answer and one duration for everything that can be wrong: each attempt costs
 * one look-up and one hash, also for an unknown e-mail and for a password that can never have been registered.
 */
export const createSignIn =
  (needs: Needs) =>
  async ({ client, refresh_transport, device_token, origin, ...given }: Credentials): Promise<SignedIn> => {
    const email = normalizeEmail(given.email)
    const account = await needs.accounts.findByEmail(email)
    const device = needs.knownDevices.recognise(device_token, account)
    const attempt = await needs.brake({ email, device })
    const refusal = await judge(needs, account, given.password)
    if (account === null || refusal !== null) {
      await attempt.failed()
      throw new Problem('AUTH_CREDENTIALS_INVALID', refusal ?? 'email_unknown')
    }
    await attempt.succeeded()
    const signIn = { account, client, amr: PASSWORD_AMR, refresh_transport, origin }
    const tokens = await needs.openSignIn(signIn)
    return { account, tokens, device_token: needs.knownDevices.remember(account, device) }
  }

type Found = Awaited<ReturnType<Accounts['findByEmail']>>

/** Why not, for the log alone; null when this is the person. */
const judge = async ({ passwords }: Needs, account: Found, given: string): Promise<string | null> => {
  const password = normalizePassword(given)
  const isTooLong = isPasswordTooLong(password)
  const isMatch = await passwords.matches(isTooLong ? '' : password, account?.password_digest ?? null)
  if (account === null) return 'email_unknown'
  if (isTooLong || !isMatch) return 'password_wrong'
  return account.disabled_at === null ? null : 'account_disabled'
}
