import type { Client, ClientRecord } from '../oauth/client.ts'
import type { ClientPolicy } from '../oauth/parse-clients.ts'
import { presentClient } from './present-client.ts'

/** A client as the administration shows it: where it is registered, and its secrets by their last use, never by themselves. */
export const presentAdministeredClient = (record: ClientRecord, policy: ClientPolicy) => {
  const { client, is_self_registered = false, has_secret: _, ...shown } = presentClient(record, policy)
  return {
    client_id: record.client_id,
    client,
    source: is_self_registered ? 'self_registered' : 'database',
    ...shown,
    secrets: secretsOf(record),
  }
}

const secretsOf = ({
  client_secret_digest,
  former_secret,
  secret_used_at,
  former_secret_used_at,
}: ClientRecord) => [
  ...(client_secret_digest === null
    ? []
    : [{ is_former: false, last_used_at: secret_used_at?.toISOString() ?? null, expires_at: null }]),
  ...(former_secret === null
    ? []
    : [
        {
          is_former: true,
          last_used_at: former_secret_used_at?.toISOString() ?? null,
          expires_at: former_secret.expires_at.toISOString(),
        },
      ]),
]

/** A client of CLIENTS_FILE, which the administration shows and does not change. */
export const presentListedClient = ({ client_secret: _, former_secret: __, ...client }: Client) => ({
  client_id: client.client_id,
  client,
  source: 'file',
  state: 'enabled',
  version: null,
  created_at: null,
  updated_at: null,
  disabled_at: null,
  faults: [],
  secrets: [],
})
