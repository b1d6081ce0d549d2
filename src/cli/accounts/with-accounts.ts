import { CommanderError } from 'commander'
import { readSettings } from '../../config.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import { createAccountAdministration } from '../../store/accounts/account-administration.ts'
import { hasEmbedded } from '../../store/embedded/embedded.ts'
import { openStore } from '../../store/open-store.ts'
import type { Database } from '../../store/postgres/index.ts'
import type { Io } from '../terminal/io.ts'
import { operatorOrigin } from '../terminal/operator.ts'

const SETTINGS = ['DATABASE_URL', 'DATABASE_SCHEMA', 'DATA_DIR', 'ACCESS_TOKEN_TTL_SECONDS'] as const

const NOWHERE =
  'there is no database yet: set DATABASE_URL, or set DATA_DIR to the directory of a server that has run on the embedded database'

export type Options = Readonly<{ json?: boolean }>

/** Opens the accounts for a command. Each fault of the set-up is a line, and ends in a CommanderError of exit code 2. */
export const withAccounts = <T>(
  io: Io,
  options: Options,
  work: (accounts: AccountAdministration) => Promise<T>,
): Promise<T> =>
  withDatabase(io, options, (database, { access_token_seconds }) =>
    work(createAccountAdministration(database, { access_token_seconds })),
  )

/** Opens the whole database for a command, likewise. */
export const withDatabase = async <T>(
  io: Io,
  options: Options,
  work: (database: Database, lifetimes: Readonly<{ access_token_seconds: number }>) => Promise<T>,
): Promise<T> => {
  const reading = readSettings(SETTINGS, io.environment)
  if ('faults' in reading) return fail(io, options, reading.faults)
  const { ACCESS_TOKEN_TTL_SECONDS: access_token_seconds, ...place } = reading.settings
  // A forgotten DATABASE_URL must not create an account in an embedded database that no server uses.
  if (place.DATABASE_URL === null && !hasEmbedded(place.DATA_DIR)) return fail(io, options, [NOWHERE])
  try {
    const database = await openStore({ ...place, DATABASE_POOL_SIZE: 1 }, { currentOrigin: operatorOrigin })
    try {
      return await work(database, { access_token_seconds })
    } finally {
      await database.close()
    }
  } catch (error) {
    if (error instanceof StartFault) return fail(io, options, error.lines)
    if (error instanceof Unavailable)
      return fail(io, options, [
        'DATABASE_URL: the database stopped answering; look at its log, and run the command again',
      ])
    throw error
  }
}

export const fail = ({ out, err }: Io, { json = false }: Options, faults: readonly string[]): never => {
  if (json) out(JSON.stringify({ faults }))
  else for (const fault of faults) err(fault)
  throw new CommanderError(2, 'signetd.faults', faults.join('; '))
}

/** Refuses what the command was asked for: a line, and exit code 1. */
export const refuseCommand = ({ out, err }: Io, { json = false }: Options, refusal: string): never => {
  if (json) out(JSON.stringify({ refusal }))
  else err(refusal)
  throw new CommanderError(1, 'signetd.refused', refusal)
}

/** Prints the answer, as a line for people or as JSON for programs. */
export const answer = ({ out }: Io, { json = false }: Options, line: string, result: object): void =>
  out(json ? JSON.stringify(result) : line)
