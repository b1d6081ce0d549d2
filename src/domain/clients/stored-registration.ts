import { z } from 'zod'
import type { Client } from '../oauth/client.ts'
import { type ClientPolicy, parseClientRecord } from '../oauth/parse-clients.ts'
import { isServerScope } from '../oauth/scope.ts'
import { registeredClientOf } from './registration-request.ts'

/**
 * Ours – What a row says of a client that has registered itself. `sealed`: what its id says still holds. `deleted`: the id names no client
 * any more. Else JSON with the metadata that count in place of those of the id.
 */
export type RegistrationState = 'sealed' | 'deleted' | Readonly<{ metadata: string }>

const ROW = z.strictObject({ registered: z.union([z.enum(['sealed', 'deleted']), z.looseObject({})]) })

/**
 * Ours – The column `metadata` of such a row. The member `registered` is around it, so that a server of a version that does not know these
 * rows leaves them out: it would take the client for one of an operator.
 */
export const rowMetadataOf = (state: RegistrationState): string =>
  typeof state === 'string' ? JSON.stringify({ registered: state }) : `{"registered":${state.metadata}}`

/** The reverse of `rowMetadataOf`. Null for the row of a client that an operator has registered. */
export const readRegistrationRow = (metadata: string): RegistrationState | null => {
  const parsed = ROW.safeParse(parseJson(metadata))
  if (!parsed.success) return null
  const { registered } = parsed.data
  return typeof registered === 'string' ? registered : { metadata: JSON.stringify(registered) }
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Ours – Why the database takes no client with this scope; null where it does. Only a client of CLIENTS_FILE administers: an administrator who
 * made another one would keep its rights when the role is taken away.
 */
export const faultOfStoredScope = (scope: string): string | null => {
  const own = scope.split(' ').filter(isServerScope)
  return own.length === 0
    ? null
    : `must not contain ${own.join(' ')}: only a client of CLIENTS_FILE administers this server`
}

/** A client that an operator has registered in the database, or a line for each fault. */
export const parseOperatorClient: typeof parseClientRecord = (record, policy) => {
  const parsed = parseClientRecord(record, policy)
  const fault = 'faults' in parsed ? null : faultOfStoredScope(parsed.client.scope)
  return fault === null ? parsed : { faults: [`scope ${fault}`] }
}

/** What a row of the database says: a client, or what became of one that has registered itself, or why this version does not understand it. */
export const parseStoredClient = (
  record: Parameters<typeof parseClientRecord>[0],
  policy: ClientPolicy,
): Readonly<{ client: Client } | { state: 'sealed' | 'deleted' } | { faults: readonly string[] }> => {
  const state = readRegistrationRow(record.metadata)
  if (state === null) return parseOperatorClient(record, policy)
  if (typeof state === 'string') return { state }
  return registeredClientOf({ ...record, ...state }, policy)
}
