import type { ClientRecord } from '../oauth/client.ts'
import type { ClientPolicy } from '../oauth/parse-clients.ts'
import { parseStoredClient, type RegistrationState, readRegistrationRow } from './stored-registration.ts'

/** A client as the commands and the administration show it. `client` is in the form of CLIENTS_FILE, without its secret. */
export const presentClient = (record: ClientRecord, policy: ClientPolicy) => {
  const parsed = parseStoredClient(record, policy)
  const registration = readRegistrationRow(record.metadata)
  const metadata = registration === null ? record.metadata : metadataOf(registration)
  return {
    client: { client_id: record.client_id, ...parseObject(metadata) },
    ...(registration === null ? {} : { is_self_registered: true }),
    state: stateOf(parsed, record),
    has_secret: record.client_secret_digest !== null,
    version: record.version,
    created_at: record.created_at.toISOString(),
    updated_at: record.updated_at.toISOString(),
    disabled_at: record.disabled_at?.toISOString() ?? null,
    faults: 'faults' in parsed ? parsed.faults : [],
  }
}

const metadataOf = (registration: RegistrationState): string =>
  typeof registration === 'string' ? '{}' : registration.metadata

const stateOf = (parsed: ReturnType<typeof parseStoredClient>, { disabled_at }: ClientRecord): string => {
  if ('faults' in parsed) return 'not understood'
  if ('state' in parsed && parsed.state === 'deleted') return 'deleted'
  return disabled_at === null ? 'enabled' : 'disabled'
}

/** A row that no version has written may hold anything. */
const parseObject = (text: string): object => {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? json : { metadata: json }
  } catch {
    return { metadata: text }
  }
}
