import { isPasswordImpossible, normalizePassword } from '../domain/password.ts'
import type { Accounts, Passwords } from '../ports.ts'

type Needs = Readonly<{ accounts: Accounts; passwords: Passwords }>

/** True for the password of the account with this e-mail. Costs the same for every other. */
export const isCurrentPassword = async (
  { accounts, passwords }: Needs,
  email: string,
  given: string,
): Promise<boolean> => {
  const password = normalizePassword(given)
  const account = await accounts.findByEmail(email)
  const isImpossible = isPasswordImpossible(password)
  const isMatch = await passwords.matches(isImpossible ? '' : password, account?.password_digest ?? null)
  return isMatch && !isImpossible
}
