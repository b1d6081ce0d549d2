import { isPasswordImpossible, judgeEmail, normalizeEmail, normalizePassword } from '../domain/account.ts'
import { Problem } from '../domain/problem.ts'
import type { Accounts, Passwords } from '../ports.ts'
import type { OpenSignIn } from './open-sign-in.ts'
import { type Credentials, PASSWORD_AMR, type SignedIn } from './sign-up.ts'

/** No account's e-mail. */
const NOBODY = ''

type Needs = Readonly<{ accounts: Accounts; passwords: Passwords; openSignIn: OpenSignIn }>

/**
 * Contract – Signs in with e-mail and password. One answer and one duration for everything that can be wrong: each attempt costs
 * one look-up and one hash, also for an unknown e-mail, and for an e-mail or a password that can never have been registered:
 * nobody is looked up and matched instead.
 */
export const createSignIn =
  ({ accounts, passwords, openSignIn }: Needs) =>
  async ({ client, origin, ...given }: Credentials): Promise<SignedIn> => {
    const email = normalizeEmail(given.email)
    const account = await accounts.findByEmail(judgeEmail(email) === null ? email : NOBODY)
    const password = normalizePassword(given.password)
    const isImpossible = isPasswordImpossible(password)
    const isMatch = await passwords.matches(isImpossible ? '' : password, account?.password_digest ?? null)
    if (account === null) throw new Problem('AUTH_CREDENTIALS_INVALID', 'email_unknown')
    if (isImpossible || !isMatch) throw new Problem('AUTH_CREDENTIALS_INVALID', 'password_wrong')
    if (account.disabled_at !== null) throw new Problem('AUTH_CREDENTIALS_INVALID', 'account_disabled')
    return { account, tokens: await openSignIn({ account, client, amr: PASSWORD_AMR, origin }) }
  }
