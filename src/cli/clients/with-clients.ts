import { clientPolicyOf, readSettings } from '../../config.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { openClientId, type SealedRegistration } from '../../domain/clients/sealed-client-id.ts'
import type { ClientRecord } from '../../domain/oauth/client.ts'
import type { ClientPolicy } from '../../domain/oauth/parse-clients.ts'
import { readClientsFile } from '../../platform/clients-file.ts'
import type {
  ClientRegistrations,
  RegistrationRefusals,
  RegistrationRows,
  RegistrationTokens,
} from '../../ports/clients.ts'
import { createClientRegistrations } from '../../store/clients/client-registrations.ts'
import { createRegistrationRefusals } from '../../store/clients/registration-refusals.ts'
import { createRegistrationRows } from '../../store/clients/registration-rows.ts'
import { createRegistrationTokens } from '../../store/clients/registration-tokens.ts'
import { fail, type Options, withDatabase } from '../accounts/with-accounts.ts'
import type { Io } from '../terminal/io.ts'

const NAMES = [
  'CLIENTS_FILE',
  'CLIENT_ID_KEYS',
  'ISSUER',
  'DEFAULT_AUDIENCE',
  'PORT',
  'OUTBOUND_ALLOW',
] as const

type Around = Readonly<{
  policy: ClientPolicy
  /** What the id of a client that has registered itself tells. Null: it is no such id, or CLIENT_ID_KEYS is unset or of another server. */
  openId: (client_id: string) => SealedRegistration | null
  registrations: RegistrationRows
  refusals: RegistrationRefusals
  tokens: RegistrationTokens
  /** Says on standard error that the client of CLIENTS_FILE with this id is the one that servers use. */
  warnOfFile: (client_id: string) => void
}>

/** Opens the clients of the database for a command. Each fault of the set-up is a line, and ends in a CommanderError of exit code 2. */
export const withClients = async <T>(
  io: Io,
  options: Options,
  work: (clients: ClientRegistrations, around: Around) => Promise<T>,
): Promise<T> => {
  const reading = readSettings(NAMES, io.environment)
  if ('faults' in reading) return fail(io, options, reading.faults)
  const policy = clientPolicyOf(reading.settings)
  const listed = await findListed(io, reading.settings.CLIENTS_FILE, policy)
  const warnOfFile = (client_id: string) => {
    if (listed.has(client_id)) io.err(inFile(client_id))
  }
  const { CLIENT_ID_KEYS: keys } = reading.settings
  const openId = (client_id: string) =>
    keys === null ? null : openClientId(client_id, { issuer: policy.issuer, keys })
  return withDatabase(io, options, database =>
    work(createClientRegistrations(database), {
      policy,
      openId,
      registrations: createRegistrationRows(database),
      refusals: createRegistrationRefusals(database),
      tokens: createRegistrationTokens(database),
      warnOfFile,
    }),
  )
}

export const inFile = (client_id: string): string =>
  `client ${client_id} stands in CLIENTS_FILE and in the database: servers use the one of the file`

/** A file with faults must not keep an operator from disabling a client of the database. */
const findListed = async (
  io: Io,
  file: string | null,
  policy: ClientPolicy,
): Promise<ReadonlySet<string>> => {
  if (file === null) return new Set()
  try {
    return new Set((await readClientsFile(file, policy)).map(({ client_id }) => client_id))
  } catch (error) {
    if (!(error instanceof StartFault)) throw error
    for (const line of error.lines) io.err(line)
    return new Set()
  }
}

/** What decides on registrations, without a database. */
export const readClientPolicy = (io: Io, options: Options): ClientPolicy => {
  const reading = readSettings(NAMES, io.environment)
  return 'faults' in reading ? fail(io, options, reading.faults) : clientPolicyOf(reading.settings)
}

/** Every client of the database once; one that is created or deleted meanwhile may be among them or not. */
export async function* readClients(clients: Pick<ClientRegistrations, 'readPage'>) {
  for (let after: string | null = null; ; ) {
    const page: readonly ClientRecord[] = await clients.readPage(after)
    yield* page
    const last = page.at(-1)
    if (last === undefined) return
    after = last.client_id
  }
}
