import type { Sql } from 'postgres'
import { quoteIdentifier } from './qualify.ts'

/** Settings of each connection, whatever the defaults of the database, the role or the server are. */
export const PINNED = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  // Citus overestimates the rows of a statement's parts, so that a statement of ten milliseconds would be compiled for two seconds.
  jit: 'off',
  // Only statement_timeout limits a wait. The highest value stands for none, because the driver does not send a 0.
  lock_timeout: 2_147_483_647,
} as const

/** pg_catalog comes first, so that no schema can replace a built-in function. */
export const searchPathOf = (schema: string): string => `pg_catalog, ${quoteIdentifier(schema)}`

/** The settings that every pooler accepts. An unconfigured pooler refuses a connection with others. */
export const PINNED_EVERYWHERE = {
  DateStyle: PINNED.DateStyle,
  TimeZone: PINNED.TimeZone,
  standard_conforming_strings: PINNED.standard_conforming_strings,
} as const

/** True for PgBouncer's error about a startup parameter that it neither knows nor ignores. */
export const isRefusedByPooler = (error: unknown): boolean =>
  error instanceof Error && /unsupported startup parameter/.test(error.message)

type Surroundings = Readonly<{
  encoding: string
  isolation: string
  is_read_only: boolean
  replication_role: string
  float_digits: number
  first_schema: string | null
}>

type Asked = Readonly<{ run: (query: typeof readSurroundings) => Promise<readonly Surroundings[]> }>

/** A line for each setting of the database with which Signet would fail later or answer wrongly. */
export const findSettingFaults = async (database: Asked): Promise<readonly string[]> => {
  const [found] = await database.run(readSurroundings)
  if (found === undefined) throw new Error('settings without a row')
  return judge(found)
}

const readSurroundings = (sql: Sql) => sql<Surroundings[]>`
  select
    current_setting('server_encoding') as encoding,
    current_setting('transaction_isolation') as isolation,
    current_setting('transaction_read_only') = 'on' and not pg_is_in_recovery() as is_read_only,
    current_setting('session_replication_role') as replication_role,
    current_setting('extra_float_digits')::int as float_digits,
    (current_schemas(true))[1] as first_schema`

const judge = (found: Surroundings): readonly string[] => {
  const { encoding, isolation, is_read_only, replication_role, float_digits, first_schema } = found
  const behindPooler = 'behind PgBouncer, alter role … set'
  const faults = {
    [`is in ${encoding}, not UTF8: create one with encoding 'UTF8'`]: encoding !== 'UTF8',
    [`has default_transaction_isolation = '${isolation}': ${behindPooler} it to 'read committed'`]:
      isolation !== 'read committed',
    ['has default_transaction_read_only = on: Signet writes']: is_read_only,
    [`has session_replication_role = ${replication_role}: foreign keys are not kept`]:
      replication_role !== 'origin',
    [`has extra_float_digits = ${float_digits}: ${behindPooler} it to 1`]: float_digits < 0,
    [`has a search_path in which ${first_schema ?? 'nothing'} comes before pg_catalog: ${behindPooler} it to pg_catalog`]:
      first_schema !== 'pg_catalog' && !first_schema?.startsWith('pg_temp'),
  }
  return Object.entries(faults).flatMap(([fault, is]) => (is ? [`DATABASE_URL: the database ${fault}`] : []))
}

/** Ours: connections that an instance opens beside its pool while Postgres hangs, at most. */
const BESIDE_THE_POOL = 4

/** `given`: connections that Postgres gives to users who are no superusers; `at`: its clock. */
type Capacity = Readonly<{ given: number; at: Date }>

/** `needed`: connections that one instance may hold. */
export type DatabaseCapacity = Capacity & Readonly<{ needed: number }>

type AskedForCapacity = Readonly<{ run: (query: typeof selectCapacity) => Promise<readonly Capacity[]> }>

/** What Postgres has for instances whose pools are of this size. Rejects as every statement does. */
export const readCapacity = async (
  database: AskedForCapacity,
  pool_size: number,
): Promise<DatabaseCapacity> => {
  const [found] = await database.run(selectCapacity)
  if (found === undefined) throw new Error('a capacity without a row')
  return { needed: pool_size + BESIDE_THE_POOL, ...found }
}

const selectCapacity = (sql: Sql) => sql<Capacity[]>`
  select
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as given,
    clock_timestamp() as at`
