import type { Command } from 'commander'
import type { Io } from '../terminal/io.ts'
import { addAccountsChangeCommands } from './accounts-change.ts'
import { addAccountsConsentsCommand } from './accounts-consents.ts'
import { addAccountsCreateCommand } from './accounts-create.ts'
import { addAccountsImportCommand } from './accounts-import.ts'
import { addAccountsInviteCommand } from './accounts-invite.ts'
import { addAccountsListCommands } from './accounts-list.ts'
import { addAccountsSignInsCommand } from './accounts-sign-ins.ts'

/** Adds `accounts …`. Exit code 1 when an account is unknown or a change is refused, 2 when the database cannot be used. */
export const addAccountsCommands = (program: Command, io: Io): void => {
  const accounts = program
    .command('accounts')
    .description('manage the accounts of people: create, list, change, delete, import and export them')
  addAccountsCreateCommand(accounts, io)
  addAccountsListCommands(accounts, io)
  addAccountsChangeCommands(accounts, io)
  addAccountsSignInsCommand(accounts, io)
  addAccountsConsentsCommand(accounts, io)
  addAccountsInviteCommand(accounts, io)
  addAccountsImportCommand(accounts, io)
}
