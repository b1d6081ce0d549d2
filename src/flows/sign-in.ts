import { isPasswordTooLong, normalizeEmail, normalizePassword } from '../domain/account.ts'
import { Problem } from '../domain/problem.ts'
import type { Accounts, Passwords } from '../ports.ts'
import type { OpenSignIn } from './open-sign-in.ts'
import { type Credentials, PASSWORD_AMR, type SignedIn } from './sign-up.ts'

type Needs = Readonly<{ accounts: Accounts; passwords: Passwords; openSignIn: OpenSignIn }>

/**
 * Contract – Signs in with e-mail and password. One answer and one duration for everything that can be wrong: each attempt costs
 * one look-up and one hash, also for an unknown e-mail and for a password that can never have been registered.
 */
export const createSignIn =
  ({ accounts, passwords, openSignIn }: Needs) =>
  async ({ client, refresh_transport, origin, ...given }: Credentials): Promise<SignedIn> => {
    const account = await accounts.findByEmail(normalizeEmail(given.email))
    const password = normalizePassword(given.password)
    const isTooLong = isPasswordTooLong(password)
    const isMatch = await passwords.matches(isTooLong ? '' : password, account?.password_digest ?? null)
    if (account === null) throw new Problem('AUTH_CREDENTIALS_INVALID', 'email_unknown')
    if (isTooLong || !isMatch) throw new Problem('AUTH_CREDENTIALS_INVALID', 'password_wrong')
    if (account.disabled_at !== null) throw new Problem('AUTH_CREDENTIALS_INVALID', 'account_disabled')
    const tokens = await openSignIn({ account, client, amr: PASSWORD_AMR, refresh_transport, origin })
    return { account, tokens }
  }
