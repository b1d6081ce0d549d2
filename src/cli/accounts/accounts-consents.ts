import type { Command } from 'commander'
import { createAccountAdministration } from '../../store/accounts/account-administration.ts'
import { createConsents } from '../../store/consents/consents.ts'
import type { Io } from '../terminal/io.ts'
import { getAccount } from './get-account.ts'
import { answer, type Options, refuseCommand, withDatabase } from './with-accounts.ts'

/** Adds `accounts withdraw-consent`: takes back what a person has granted to a client, and ends their sign-ins there. */
export const addAccountsConsentsCommand = (accounts: Command, io: Io): void => {
  accounts
    .command('withdraw-consent')
    .description('take back what a person has granted to a client, and end their sign-ins there')
    .argument('<account>', 'its e-mail or its id')
    .argument('<client_id>', 'the client')
    .option('--json', 'for machines')
    .action((given: string, client_id: string, options: Options) =>
      withDatabase(io, options, async (database, lifetimes) => {
        const administration = createAccountAdministration(database, lifetimes)
        const { id: user_id, email } = await getAccount(io, given, options, administration)
        const consents = createConsents(database, lifetimes)
        const ended = await consents.withdraw({ user_id, client_id, reason: 'ended_by_operator' })
        if (ended === null) return refuseCommand(io, options, `${email} has granted nothing to ${client_id}`)
        const line = `consent withdrawn: ${email} at ${client_id}; sign-ins ended: ${ended.length}`
        return answer(io, options, line, { id: user_id, client_id, sign_ins_ended: ended.length })
      }),
    )
}
