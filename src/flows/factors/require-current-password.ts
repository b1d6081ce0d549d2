import type { Account } from '../../domain/account/account.ts'
import { Problem } from '../../domain/base/problem.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Passwords } from '../../ports/effects.ts'

type Needs = Readonly<{ accounts: Accounts; passwords: Passwords }>

/**
 * Throws a 401 unless `current_password` is the password of the account; every wrong password takes the same time. The account is found
 * by its e-mail, which may belong to another account by now: the id is compared too.
 */
export const requireCurrentPassword = async (
  { accounts, passwords }: Needs,
  { id, email }: Account,
  current_password: string,
): Promise<void> => {
  const holder = await accounts.findByEmail(email)
  const digest = holder?.id === id ? holder.password_digest : null
  if (!(await passwords.matches(current_password, digest)))
    throw new Problem('AUTH_CREDENTIALS_INVALID', { reason: 'password_wrong' })
}
