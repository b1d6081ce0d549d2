import type { Command } from 'commander'
import type { Io } from '../terminal/io.ts'
import { addAccountsChangeCommands } from './accounts-change.ts'
import { addAccountsCreateCommand } from './accounts-create.ts'
import { addAccountsImportCommand } from './accounts-import.ts'
import { addAccountsListCommands } from './accounts-list.ts'
import { addAccountsSignInsCommand } from './accounts-sign-ins.ts'

/** Adds `accounts …`. Exit code 1 when there is no such account or something was refused, 2 when the database cannot be used. */
export const addAccountsCommands = (program: Command, io: Io): void => {
  const accounts = program.command('accounts').description('The accounts of people, whoever is signed in')
  addAccountsCreateCommand(accounts, io)
  addAccountsListCommands(accounts, io)
  addAccountsChangeCommands(accounts, io)
  addAccountsSignInsCommand(accounts, io)
  addAccountsImportCommand(accounts, io)
}
