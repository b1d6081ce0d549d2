import type { Sql, TransactionSql } from 'postgres'
import { quoteIdentifier } from '../postgres/index.ts'

/** The rows of each person are in one shard. */
type Distributed = Readonly<{
  /** The column with the person, which every key has to contain. */
  by: string
  /** The primary key on Citus, where the one of plain Postgres lacks that column. */
  key?: readonly [string, ...string[]]
  /** The constraints of plain Postgres that Citus cannot enforce: over all shards, or between a shard and the coordinator. */
  drops?: readonly string[]
}>

/** One table, as on plain Postgres. `isManaged`: Citus knows of it, and of the statements that change it. */
type Local = Readonly<{ on: 'coordinator'; isManaged?: true; drops?: readonly string[] }>

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
  // The events of a person go out in the order of the stream, which is on the coordinator. In a shard, a later event could become visible
  // before an earlier one.
  deliveries: COORDINATOR,
  status_entries: COORDINATOR,
  // Both begin before their person is known, and end within minutes. Without the reference, the row of a deleted account expires instead.
  device_authorizations: {
    on: 'coordinator',
    drops: ['device_authorizations_user_id_users_id_fk'],
  },
  ceremonies: { on: 'coordinator', drops: ['ceremonies_user_id_users_id_fk'] },
  // The look-up of a person by a name, over all people.
  account_names: COORDINATOR,
  // Makes a statement commit in two phases, by being managed.
  two_phase_commits: { on: 'coordinator', isManaged: true },
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

/** The tables that PLACEMENTS distributes, in its order. */
export const DISTRIBUTED_TABLES: readonly string[] = Object.entries<Placement>(PLACEMENTS).flatMap(
  ([name, placement]) => ('by' in placement ? [name] : []),
)

/** `role` is that of the database in its cluster: `alone` is a database with the extension and without a node. */
export type CitusState = Readonly<{
  role: 'alone' | 'coordinator' | 'worker'
  /** The tables of the schema that are distributed. */
  distributed: ReadonlySet<string>
}>

/** What Citus tells of the database; null where the database does not have the extension. */
export const readCitusState = async (
  sql: Sql | TransactionSql,
  schema: string,
): Promise<CitusState | null> => {
  // A statement that names a table of Citus cannot be parsed elsewhere.
  const there = await sql`select from pg_catalog.pg_extension where extname = 'citus'`
  if (there.length === 0) return null
  const [told] = await sql<{ is_worker: boolean; is_coordinator: boolean; names: string }[]>`
    select
      (select groupid <> 0 from pg_catalog.pg_dist_local_group) as is_worker,
      pg_catalog.citus_is_coordinator() as is_coordinator,
      coalesce(
        (
          select string_agg(relname, ' ')
          from pg_catalog.pg_dist_partition
          join pg_catalog.pg_class on pg_class.oid = logicalrelid
          where
            relnamespace = to_regnamespace(${quoteIdentifier(schema)})
            and partmethod = 'h'
        ),
        ''
      ) as names`
  if (told === undefined) throw new Error('a database without an answer')
  const { is_worker, is_coordinator, names } = told
  const known = new Set(DISTRIBUTED_TABLES)
  return {
    role: is_worker ? 'worker' : is_coordinator ? 'coordinator' : 'alone',
    distributed: new Set(names.split(' ').filter(name => known.has(name))),
  }
}

/** The same of a database that had the extension a moment ago. Throws when it has none. */
export const getCitusState = async (sql: Sql | TransactionSql, schema: string): Promise<CitusState> => {
  const state = await readCitusState(sql, schema)
  if (state === null) throw new Error('the database has lost the extension citus')
  return state
}

/**
 * Those of these distributed tables whose rows of before the distribution are still on the coordinator: Citus copies them to the shards. It
 * shows them in no statement, so that the size tells.
 */
export const findLocalRows = async (
  sql: Sql | TransactionSql,
  { names, schema }: Readonly<{ names: readonly string[]; schema: string }>,
): Promise<readonly string[]> => {
  const found = await sql<{ name: string }[]>`
    select name
    from jsonb_array_elements_text(${JSON.stringify(names)}::text::jsonb) as named (name)
    cross join lateral (
      select to_regclass(${quoteIdentifier(schema)} || '.' || quote_ident(name)) as relation
    ) as own
    where
      pg_relation_size(relation) > 0
      -- Only a partitioned table has a tree.
      or exists (select from pg_partition_tree(relation) where pg_relation_size(relid) > 0)`
  const local = new Set(found.map(({ name }) => name))
  return names.filter(name => local.has(name))
}

export const WORKER_FAULT =
  'DATABASE_URL: this is a database of a worker of a Citus cluster: set DATABASE_URL to the coordinator'

/** Pure. The line with which a server refuses to start on this database of Citus; null when it may. */
export const citusFault = (state: CitusState | null): string | null => {
  if (state === null) return null
  if (state.role === 'worker') return WORKER_FAULT
  const missing = DISTRIBUTED_TABLES.filter(name => !state.distributed.has(name))
  if (missing.length === 0 || state.distributed.size === 0) return null
  return `the tables are distributed in part (${missing.join(', ')} not yet): stop all servers and run signetd migrate --citus`
}
