import type { Account } from '../../domain/account/account.ts'
import { Problem } from '../../domain/base/problem.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Passwords } from '../../ports/effects.ts'

type Needs = Readonly<{ accounts: Accounts; passwords: Passwords }>

/**
 * Throws a 401 unless it is the password of the account. Costs the same for every other. Whoever has the account's e-mail by now
 * may be somebody else.
 */
export const requireCurrentPassword = async (
  { accounts, passwords }: Needs,
  { id, email }: Account,
  current_password: string,
): Promise<void> => {
  const holder = await accounts.findByEmail(email)
  const digest = holder?.id === id ? holder.password_digest : null
  if (!(await passwords.matches(current_password, digest)))
    throw new Problem('AUTH_CREDENTIALS_INVALID', 'password_wrong')
}
