import type { Command } from 'commander'
import type { Io } from '../terminal/io.ts'
import { addEventsCommand } from './events-command.ts'
import { addFindCommand } from './find-command.ts'
import { addSignInsCommands } from './sign-ins-commands.ts'
import { addWhyCommand } from './why-command.ts'

/**
 * Adds the commands that ask the administration of a running server. Exit code 1 for what the server refuses or does not have, 2 for a
 * fault of the set-up, 3 where the server cannot be reached.
 */
export const addAdminCommands = (program: Command, io: Io): void => {
  addWhyCommand(program, io)
  addFindCommand(program, io)
  addEventsCommand(program, io)
  addSignInsCommands(program, io)
}
