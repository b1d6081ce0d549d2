import { Command, CommanderError } from 'commander'
import { VERSION } from '../platform/version.ts'
import { addAccountsCommands } from './accounts/accounts.ts'
import { addAdminCommands } from './admin/admin-commands.ts'
import { addClientsCommands } from './clients/clients.ts'
import { addConfigurationCommand } from './configuration.ts'
import { addDoctorCommand } from './doctor/doctor.ts'
import { addKeysCommands } from './keys.ts'
import { addMigrateCommand } from './migrate.ts'
import { addRestoredCommand } from './restored.ts'
import type { Io } from './terminal/io.ts'

/** Runs one command line and returns its exit code: 0 done, 1 refused or misused, 2 a fault of the set-up, 3 no server was reached. */
export const runProgram = async (
  words: readonly string[],
  io: Io,
  serve: () => Promise<void>,
): Promise<number> => {
  const program = new Command('signetd')
    .description(
      'Signet: an OAuth 2 and OpenID Connect server. Run signetd serve to start it, signetd doctor to check its settings.',
    )
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('run the command with --help to see what it takes')
    .configureOutput({ writeOut: text => io.out(text.trimEnd()), writeErr: text => io.err(text.trimEnd()) })
  program.command('serve').description('run the server, until a signal stops it').action(serve)
  addMigrateCommand(program, io)
  addKeysCommands(program, io)
  addAccountsCommands(program, io)
  addClientsCommands(program, io)
  addConfigurationCommand(program, io)
  addDoctorCommand(program, io)
  addRestoredCommand(program, io)
  addAdminCommands(program, io)
  try {
    await program.parseAsync(words, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    throw error
  }
}
