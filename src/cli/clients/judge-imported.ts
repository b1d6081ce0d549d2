import { isDeepStrictEqual } from 'node:util'
import { type GivenClient, type RegisteredClient, register } from '../../domain/clients/given-client.ts'
import { parseOperatorClient } from '../../domain/clients/stored-registration.ts'
import type { ClientNote, ConvertedClient } from '../../domain/moving/source-client.ts'
import { CLIENTS_MOST, type ClientRecord } from '../../domain/oauth/client.ts'
import { type ClientPolicy, parseClientRecord } from '../../domain/oauth/parse-clients.ts'
import type { ClientRegistrations } from '../../ports/clients.ts'
import { generateSecret, readGivenClient } from './given-clients.ts'

/** What is said of each client of an export. */
export type ImportedClient = Readonly<{
  client_id: string
  notes: readonly ClientNote[]
  outcome: 'added' | 'replaced' | 'unchanged' | 'kept' | 'refused' | 'left out'
  /** Why it is not as the export has it. */
  reason?: string
  generated?: string
}>

export type Judged = Readonly<{ given: GivenClient; notes: readonly ClientNote[] } | { told: ImportedClient }>

/** Judges a client of an export as `clients add` does. A client without its secret is judged by another one. */
export const judgeConverted = (converted: ConvertedClient, policy: ClientPolicy): Judged => {
  const { client_id } = converted
  if ('left_out' in converted) {
    const { left_out, is_built_in } = converted
    return { told: { client_id, notes: [left_out], outcome: is_built_in ? 'left out' : 'refused' } }
  }
  const { members, secret, notes } = converted
  const entry = { client_id, ...members, ...(secret === null ? {} : { client_secret: secret }) }
  const judged = readGivenClient(entry, policy)
  const refused = (reason: string) => ({ told: { client_id, notes, outcome: 'refused', reason } }) as const
  if ('faults' in judged) return refused(judged.faults.join('; '))
  const generated = judged.given.usesSecret ? generateSecret() : null
  const faults = faultsOf(register(judged.given, { generated, kept: null }), policy)
  return faults.length > 0 ? refused(faults.join('; ')) : { given: judged.given, notes }
}

type Way = Readonly<{ policy: ClientPolicy; replaces: boolean; generates: boolean }>
type Store = Pick<ClientRegistrations, 'find' | 'create' | 'replace'>

/** Adds a client that is not there, leaves one that is the same, and replaces one that differs only where that was asked for. */
export const storeImported = async (
  store: Store,
  { given, notes }: Extract<Judged, { given: GivenClient }>,
  way: Way,
): Promise<ImportedClient> => {
  const { client_id } = given
  const before = await store.find(client_id)
  const registered = register(given, { generated: null, kept: before?.client_secret_digest ?? null })
  if (before !== null) {
    const differing = findDiffering(before, registered, way.policy)
    if (differing.length === 0) return { client_id, notes, outcome: 'unchanged' }
    if (!way.replaces)
      return { client_id, notes, outcome: 'kept', reason: `differs in ${differing.join(', ')}: ${REPLACE}` }
  }
  const needsSecret = given.usesSecret && registered.client_secret_digest === null
  if (needsSecret && !way.generates) return { client_id, notes, outcome: 'refused', reason: NO_SECRET }
  const generated = needsSecret ? generateSecret() : null
  const stored = generated === null ? registered : register(given, { generated, kept: null })
  const told = { client_id, notes, ...(generated === null ? {} : { generated }) }
  if (before === null) {
    const created = await store.create(stored)
    if (typeof created === 'object') return { ...told, outcome: 'added' }
    return { client_id, notes, outcome: 'refused', reason: created === 'full' ? FULL : MEANWHILE }
  }
  const replaced = await store.replace({ ...stored, version: before.version })
  if (typeof replaced === 'object') return { ...told, outcome: 'replaced' }
  return { client_id, notes, outcome: 'refused', reason: MEANWHILE }
}

/** The verdict of a trial: no database is asked whether the client is there. */
export const tryImported = (
  { given, notes }: Extract<Judged, { given: GivenClient }>,
  { generates }: Pick<Way, 'generates'>,
): ImportedClient => {
  const { client_id } = given
  const isLost = given.usesSecret && given.client_secret === null && !generates
  return isLost
    ? { client_id, notes, outcome: 'refused', reason: NO_SECRET }
    : { client_id, notes, outcome: 'added' }
}

const NO_SECRET = 'the export has no secret that can be kept: add --generate-secrets to make a new one'
const REPLACE = 'add --replace to give it the registration of the export'
const MEANWHILE = 'was changed meanwhile: run the command again'
const FULL = `the database has ${CLIENTS_MOST} clients, and no server keeps more`

const faultsOf = (registered: RegisteredClient, policy: ClientPolicy): readonly string[] => {
  const parsed = parseOperatorClient(registered, policy)
  return 'faults' in parsed ? parsed.faults : []
}

/** The members in which two registrations differ, defaults included. A row that this version does not understand differs. */
const findDiffering = (
  before: ClientRecord,
  after: RegisteredClient,
  policy: ClientPolicy,
): readonly string[] => {
  const [old, fresh] = [parseClientRecord(before, policy), parseClientRecord(after, policy)]
  if ('faults' in old || 'faults' in fresh) return ['metadata']
  const members = new Map(Object.entries(old.client))
  const others = new Map(Object.entries(fresh.client))
  return [...new Set([...members.keys(), ...others.keys()])].filter(
    name => !isDeepStrictEqual(members.get(name), others.get(name)),
  )
}
