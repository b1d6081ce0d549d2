/** The rows of each person are in one shard. */
type Distributed = Readonly<{
  /** The column with the person, which every key has to contain. */
  by: string
  /** The primary key on Citus, where the one of plain Postgres lacks that column. */
  key?: readonly [string, ...string[]]
  /** The constraints of plain Postgres that Citus cannot enforce: over all shards, or between a shard and the coordinator. */
  drops?: readonly string[]
}>

/** One table, as on plain Postgres. */
type Local = Readonly<{ on: 'coordinator'; drops?: readonly string[] }>

export type Placement = Distributed | Local

const DISTRIBUTED: Distributed = { by: 'user_id' }
const COORDINATOR: Local = { on: 'coordinator' }

/**
 * Ours (docs/decisions/0068) – Where the rows of each table are on Citus. Referenced tables come before those that refer to them, which is
 * the order of `distribute`. A table whose rows are found by something else before their person is known, and a table with one order for all
 * people, is on the coordinator. No table is a reference table, with a copy on every node: each change of one waits for all nodes, and no
 * statement of a rotation reads what is not the person's.
 */
export const PLACEMENTS = {
  // Citus enforces no uniqueness over all people: `account_names` does.
  users: { by: 'id', drops: ['users_email_unique', 'users_external_id_unique'] },
  refresh_families: { by: 'user_id', key: ['user_id', 'id'] },
  unfinished_endings: DISTRIBUTED,
  authorization_codes: DISTRIBUTED,
  browser_sessions: DISTRIBUTED,
  exchanged_sessions: DISTRIBUTED,
  consents: DISTRIBUTED,
  totp_factors: DISTRIBUTED,
  recovery_codes: DISTRIBUTED,
  passkeys: { by: 'user_id', key: ['user_id', 'id'] },
  upstream_identities: { by: 'user_id', drops: ['upstream_identities_issuer_subject_unique'] },
  email_links: { by: 'user_id', drops: ['email_links_digest_unique'] },
  // Those of no person share the shard of NIL_UUID.
  events: DISTRIBUTED,
  unplaced_events: DISTRIBUTED,

  // One order for all entries, which also end clients: the feed reads them by number.
  revocations: COORDINATOR,
  feed_head: COORDINATOR,
  feed_positions: COORDINATOR,
  event_head: COORDINATOR,
  event_places: COORDINATOR,
  event_webhook: COORDINATOR,
  // The events go out in the order of the stream. Both coordinator and shard would commit those of a person: the later one could come first.
  deliveries: COORDINATOR,
  status_entries: COORDINATOR,
  // Both begin before their person is known, and end within minutes. Without the reference, the row of a deleted account expires instead.
  device_authorizations: {
    on: 'coordinator',
    drops: ['device_authorizations_user_id_users_id_fk'],
  },
  ceremonies: { on: 'coordinator', drops: ['ceremonies_user_id_users_id_fk'] },
  // What a person is found by, over all people.
  account_names: COORDINATOR,
  // Rows of addresses, clients, instances and inputs, which have no person.
  invitations: COORDINATOR,
  clients: COORDINATOR,
  client_head: COORDINATOR,
  client_changes: COORDINATOR,
  client_logos: COORDINATOR,
  registration_tokens: COORDINATOR,
  registration_refusals: COORDINATOR,
  pushed_requests: COORDINATOR,
  spent_assertions: COORDINATOR,
  spent_proofs: COORDINATOR,
  import_batches: COORDINATOR,
  activity: COORDINATOR,
  leases: COORDINATOR,
} as const satisfies Readonly<Record<string, Placement>>
