import type { Command } from 'commander'
import type { Io } from '../terminal/io.ts'
import { addClientsAddCommands } from './clients-add.ts'
import { addClientsChangeCommands } from './clients-change.ts'
import { addClientsCheckCommand } from './clients-check.ts'
import { addClientsDisableCommands } from './clients-disable.ts'
import { addClientsImportCommand } from './clients-import.ts'
import { addClientsListCommand } from './clients-list.ts'
import { addClientsTokenCommand } from './clients-token.ts'

/** Adds `clients …`. Exit code 1 when a client is unknown or a change is refused, 2 when a file or the database cannot be used. */
export const addClientsCommands = (program: Command, io: Io): void => {
  const clients = program
    .command('clients')
    .description(
      'check the registered clients, and manage those of the database: add, replace, disable, remove',
    )
  addClientsCheckCommand(clients, io)
  addClientsListCommand(clients, io)
  addClientsAddCommands(clients, io)
  addClientsImportCommand(clients, io)
  addClientsChangeCommands(clients, io)
  addClientsDisableCommands(clients, io)
  addClientsTokenCommand(clients, io)
}
