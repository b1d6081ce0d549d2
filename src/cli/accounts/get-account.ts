import { normalizeEmail } from '../../domain/account/account.ts'
import type { AccountLine } from '../../domain/account/account-line.ts'
import { isUuid } from '../../domain/base/uuid.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import type { Io } from '../terminal/io.ts'
import { type Options, refuseCommand } from './with-accounts.ts'

/** Begins an argument that is the id of another system, for ids that look like an e-mail or a UUID. */
const EXTERNAL = 'external_id:'

/**
 * The account of an e-mail in any of its forms, of an id, or of the id of another system. Refuses the command where there is none. What an
 * argument is follows from its form alone, so that it never names another account than it did before.
 */
export const getAccount = async (
  io: Io,
  given: string,
  options: Options,
  accounts: AccountAdministration,
): Promise<AccountLine> => {
  const account = await accounts.find(keyOf(given))
  return account ?? refuseCommand(io, options, `there is no account ${given}`)
}

const keyOf = (given: string) => {
  const id = given.toLowerCase()
  if (given.startsWith(EXTERNAL)) return { external_id: given.slice(EXTERNAL.length) }
  if (isUuid(id)) return { id }
  const email = normalizeEmail(given)
  return email.includes('@') ? { email } : { external_id: given }
}
