import { isPasswordImpossible, normalizePassword } from '../domain/password.ts'
import { Problem } from '../domain/problem.ts'
import type { Accounts, Passwords } from '../ports.ts'

type Needs = Readonly<{ accounts: Accounts; passwords: Passwords }>

/** Throws a 401 unless it is the password of the account with this e-mail. Costs the same for every other. */
export const requireCurrentPassword = async (
  { accounts, passwords }: Needs,
  { email, current_password }: Readonly<{ email: string; current_password: string }>,
): Promise<void> => {
  const password = normalizePassword(current_password)
  const account = await accounts.findByEmail(email)
  const isImpossible = isPasswordImpossible(password)
  const isMatch = await passwords.matches(isImpossible ? '' : password, account?.password_digest ?? null)
  if (!isMatch || isImpossible) throw new Problem('AUTH_CREDENTIALS_INVALID', 'password_wrong')
}
