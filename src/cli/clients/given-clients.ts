import type { Plain } from '../../domain/base/digest.ts'
import {
  type GivenClient,
  type RegisteredClient,
  splitSecret,
  withSecret,
} from '../../domain/clients/given-client.ts'
import { parseOperatorClient } from '../../domain/clients/stored-registration.ts'
import { CLIENTS_MOST, METADATA_MOST_BYTES, usesSecret } from '../../domain/oauth/client.ts'
import { type ClientPolicy, parseClients } from '../../domain/oauth/parse-clients.ts'
import { readJsonLines } from '../../platform/config-files/json-lines.ts'
import { systemRandom } from '../../platform/random.ts'
import { fail, type Options } from '../accounts/with-accounts.ts'
import type { Io } from '../terminal/io.ts'
import { readText } from '../terminal/text-input.ts'

type Reading = Readonly<{
  path: string
  policy: ClientPolicy
  /** True where a client without a secret gets one, or keeps the one that it has. */
  isSecretOptional: boolean
}>

/** Reads one client or an array of clients. Fails the command with a line for each fault. */
export const readGivenClients = async (
  io: Io,
  options: Options,
  { path, policy, isSecretOptional }: Reading,
): Promise<readonly GivenClient[]> => {
  const read = await readText(io, { path, max_bytes: CLIENTS_MOST * METADATA_MOST_BYTES })
  if ('fault' in read) return fail(io, options, [read.fault])
  const json = parseJson(read.text)
  const { lineOf, faultLine } = readJsonLines(read.text)
  if (json === undefined)
    return fail(io, options, [`${path}, line ${faultLine ?? 1}: is not JSON from here on`])
  const isOne = !Array.isArray(json)
  const entries: readonly unknown[] = Array.isArray(json) ? json : [json]
  // Another secret stands in for the one that is missing, so that all other members are judged at once.
  const judged = parseClients(
    isSecretOptional ? entries.map(entry => withSecret(entry, generateSecret())) : entries,
    policy,
  )
  if ('faults' in judged)
    return fail(
      io,
      options,
      judged.faults.map(
        ({ path: place, message }) => `${path}, line ${lineOf(isOne ? place.slice(1) : place)}: ${message}`,
      ),
    )
  return judged.clients.map(({ client_id, token_endpoint_auth_method }, index) => ({
    client_id,
    usesSecret: usesSecret(token_endpoint_auth_method),
    ...splitSecret(entries[index]),
  }))
}

/** Judges one client in the form of CLIENTS_FILE, with or without its secret. */
export const readGivenClient = (
  entry: Readonly<Record<string, unknown>>,
  policy: ClientPolicy,
): Readonly<{ given: GivenClient } | { faults: readonly string[] }> => {
  const judged = parseClients([withSecret(entry, generateSecret())], policy)
  if ('faults' in judged) return { faults: judged.faults.map(({ message }) => message) }
  const [client] = judged.clients
  if (client === undefined) throw new Error('a list of one client has been read as none')
  const { client_id, token_endpoint_auth_method } = client
  return { given: { client_id, usesSecret: usesSecret(token_endpoint_auth_method), ...splitSecret(entry) } }
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** 256 bits: a secret is kept as a fast digest. */
export const generateSecret = (): Plain<'client_secret'> =>
  Buffer.from(systemRandom.bytes(32)).toString('base64url') as Plain<'client_secret'>

/** Fails the command with the faults that show only in the whole registration, before anything is written. */
export const refuseFaults = (
  io: Io,
  options: Options,
  { registered, policy }: Readonly<{ registered: readonly RegisteredClient[]; policy: ClientPolicy }>,
): void => {
  const faults = registered.flatMap(each => {
    const parsed = parseOperatorClient(each, policy)
    return 'faults' in parsed ? parsed.faults.map(fault => `client "${each.client_id}": ${fault}`) : []
  })
  if (faults.length > 0) fail(io, options, faults)
}
