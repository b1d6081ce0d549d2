import type { Account } from '../../domain/account/account.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Passwords } from '../../ports/effects.ts'

type Needs = Readonly<{ accounts: Accounts; passwords: Passwords }>

/**
 * True where `current_password` is the password of the account; every wrong password takes the same time. The account is found by its
 * e-mail, which may belong to another account by now: the id is compared too.
 */
export const isCurrentPassword = async (
  { accounts, passwords }: Needs,
  { id, email }: Account,
  current_password: string,
): Promise<boolean> => {
  const holder = await accounts.findByEmail(email)
  const digest = holder?.id === id ? holder.password_digest : null
  return passwords.matches(current_password, digest)
}
