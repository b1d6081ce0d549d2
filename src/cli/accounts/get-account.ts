import { normalizeEmail } from '../../domain/account/account.ts'
import type { AccountLine } from '../../domain/account/account-line.ts'
import { isUuid } from '../../domain/base/uuid.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import type { Io } from '../terminal/io.ts'
import { type Options, refuseCommand } from './with-accounts.ts'

/** The account of an e-mail in any of its forms, or of an id. Refuses the command where there is none. */
export const getAccount = async (
  io: Io,
  given: string,
  options: Options,
  accounts: AccountAdministration,
): Promise<AccountLine> => {
  const id = given.toLowerCase()
  const account = await accounts.find(isUuid(id) ? { id } : { email: normalizeEmail(given) })
  return account ?? refuseCommand(io, options, `there is no account ${given}`)
}
