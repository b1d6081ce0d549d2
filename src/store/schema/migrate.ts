import postgres, { type Sql, type TransactionSql } from 'postgres'
import { StartFault } from '../../domain/base/start-fault.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Database } from '../postgres/database.ts'
import { addressesOf, connectionOptions, type DatabasePlace, isStandby } from '../postgres/hosts.ts'
import { codeOf, isOutage } from '../postgres/outage.ts'
import { quoteIdentifier } from '../postgres/qualify.ts'
import { findSettingFaults, isRefusedByPooler } from '../postgres/session-settings.ts'
import { trackSockets } from '../postgres/sockets.ts'
import { inTransaction } from '../postgres/transaction.ts'
import {
  AHEAD,
  type Applied,
  judgeNewer,
  type Migration,
  planSteps,
  readMigrations,
  type Step,
} from './migrations.ts'
import { findGrantFaults } from './privileges.ts'

export type MigrateOptions = DatabasePlace &
  Readonly<{
    /** Where the tables are. Default `public`. */
    schema?: string
    /** The name of the last migration to be there, or `none`. Default: the newest. */
    to?: string
    /** Tells what would be done, and does nothing. */
    isDryRun?: boolean
    /** Another version's, for tests. Default: those of this version. */
    known?: readonly Migration[]
  }>

/** Any number, the same in every version: replicas that start at once take turns on it. */
const LOCK = 5_372_697_473
const CONNECT_SECONDS = 5

/**
 * Brings the schema to where it should be, and returns the steps taken. Each migration is one transaction, which holds the
 * lock that replicas take turns on (so it serves behind PgBouncer too) and reads anew what is left to do.
 * Rejects with a StartFault, a line for the operator, and then the schema is as it was before the step that failed.
 */
export const migrate = async ({
  schema = 'public',
  to = 'latest',
  isDryRun = false,
  known = readMigrations(),
  ...place
}: MigrateOptions): Promise<readonly Step[]> => {
  try {
    return await onPrimary(place, async sql => {
      if (!isDryRun) return takeSteps(sql, { known, to, schema })
      return stepsOf(known, await readApplied(sql, schema), to).map(({ name, direction }) => ({
        name,
        direction,
      }))
    })
  } catch (error) {
    throw faultOf(error)
  }
}

const CLIENT_OPTIONS = {
  max: 1,
  connect_timeout: CONNECT_SECONDS,
  backoff: () => 0,
  onnotice: () => {},
  // See arrayTypes.
  fetch_types: false,
}

/** On one connection: of several hosts, to the first that is no standby. */
const onPrimary = async <T>(place: DatabasePlace, work: (sql: Sql) => Promise<T>): Promise<T> => {
  const addresses = addressesOf(place)
  const sockets = trackSockets(addresses, {
    connect_seconds: CONNECT_SECONDS,
    onUnreachable: () => {},
  })
  for (let others = addresses.length - 1; ; others--) {
    const line = sockets.openLine(() => {})
    const [address] = addresses
    const { startup, ...signIn } = connectionOptions(place.url, address)
    const options = {
      ...CLIENT_OPTIONS,
      ...signIn,
      ...address,
      connection: { application_name: 'signetd migrate', ...startup },
      socket: line.open,
    }
    const sql = postgres(options)
    try {
      // The driver asks again, for ever, where each connection is ended before it is ready.
      const isUseless = await inTime(isStandby(sql), CONNECT_SECONDS * addresses.length)
      if (!isUseless || others === 0) return await work(sql)
      line.leave()
    } finally {
      await sql.end({ timeout: CONNECT_SECONDS })
    }
  }
}

const inTime = <T>(answer: Promise<T>, seconds: number): Promise<T> =>
  new Promise((resolve, reject) => {
    const fault = Object.assign(new Error(`no answer in ${seconds} seconds`), { code: 'CONNECT_TIMEOUT' })
    const timer = setTimeout(() => reject(fault), seconds * 1000)
    void answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })

type Wanted = Readonly<{ known: readonly Migration[]; to: string; schema: string }>

const takeSteps = async (sql: Sql, wanted: Wanted): Promise<readonly Step[]> => {
  const taken: Step[] = []
  for (;;) {
    const step = await inTransaction(sql, held => takeStep(held, wanted))
    if (step === null) return taken
    taken.push(step)
  }
}

const takeStep = async (sql: TransactionSql, { known, to, schema }: Wanted): Promise<Step | null> => {
  await sql`select set_config('statement_timeout', '0', true)`
  await sql`select pg_advisory_xact_lock(${LOCK})`
  const [step] = stepsOf(known, await readApplied(sql, schema), to)
  if (step === undefined) return null
  // Behind a waiting change of a table every request to it waits: better to fail, and be run again.
  await sql`select set_config('lock_timeout', '5s', true)`
  await createSchema(sql, schema)
  await createHistory(sql, schema)
  // Named alone: what is made is made there, and Postgres looks into pg_catalog before it. A function that another user put into the
  // schema under the name of a built-in one would run with the rights of the owner otherwise.
  await sql`select set_config('search_path', ${quoteIdentifier(schema)}, true)`
  const { migration, name, direction } = step
  for (const statement of (direction === 'up' ? migration.up : migration.down) ?? [])
    await sql.unsafe(inSchema(statement, schema))
  await (direction === 'up'
    ? sql`
        insert into ${sql(historyOf(schema))} (hash, created_at, compatible_with)
        values (${migration.hash}, ${migration.when}, ${migration.compatible_with})`
    : sql`delete from ${sql(historyOf(schema))} where created_at = ${migration.when}`)
  return { name, direction }
}

/** drizzle-kit names the schema of the tables that foreign keys refer to, and of nothing else. */
const inSchema = (statement: string, schema: string): string =>
  statement.replaceAll('"public".', () => `${quoteIdentifier(schema)}.`)

const stepsOf = (known: readonly Migration[], applied: Applied, to: string) => {
  const plan = planSteps(known, applied, to)
  if ('fault' in plan) throw new StartFault([plan.fault])
  return plan.steps
}

/** Where drizzle's own migrator keeps its own; beside the tables where another application may use drizzle in this database. */
const historyOf = (schema: string): string =>
  `${schema === 'public' ? 'drizzle' : schema}.__drizzle_migrations`

const quoteName = (name: string): string => name.split('.').map(quoteIdentifier).join('.')

/** Only where it is not there: to ask with `if not exists` takes the right to make one all the same. */
const createSchema = async (sql: TransactionSql, schema: string) => {
  const there = await sql`select from pg_namespace where nspname = ${schema}`
  if (there.length === 0) await sql`create schema ${sql(schema)}`
}

/** As drizzle's own migrator makes it, with a column of ours: either may go on where the other stopped. */
const createHistory = async (sql: TransactionSql, schema: string) => {
  const history = historyOf(schema)
  if (schema === 'public') await createSchema(sql, 'drizzle')
  await sql`
    create table if not exists ${sql(history)} (
      id serial primary key,
      hash text not null,
      created_at bigint
    )
  `
  await sql`alter table ${sql(history)} add column if not exists compatible_with bigint`
}

const readApplied = async (sql: Sql | TransactionSql, schema: string): Promise<Applied> => {
  const table = historyOf(schema)
  const [history] = await sql`select to_regclass(${quoteName(table)}) is not null as exists`
  if (history?.['exists'] !== true) return new Map()
  // By way of JSON: the column of ours is not there where nobody but drizzle has migrated.
  const rows = await sql<{ when: string; compatible_with: string | null }[]>`
    select created_at::text as when, to_jsonb(migration) ->> 'compatible_with' as compatible_with
    from ${sql(table)} as migration`
  return new Map(
    rows.map(({ when, compatible_with }) => [
      Number(when),
      compatible_with === null ? null : Number(compatible_with),
    ]),
  )
}

export type SchemaState = Readonly<
  { state: 'current' | 'newer' | 'unknown' } | { state: 'behind'; missing: readonly string[] }
>

/** Where the schema stands for this version. A server starts on `current`, and on what a newer version has made compatible. */
export const schemaState = async (
  database: Pick<Database, 'run'>,
  known: readonly Migration[] = readMigrations(),
  schema = 'public',
): Promise<SchemaState> => {
  const applied = await database.run(sql => readApplied(sql, schema))
  const newer = judgeNewer(known, applied)
  if (newer !== 'none') return { state: newer === 'compatible' ? 'newer' : 'unknown' }
  const missing = known.filter(({ when }) => !applied.has(when)).map(({ name }) => name)
  return missing.length === 0 ? { state: 'current' } : { state: 'behind', missing }
}

/** The lines with which a server refuses to start. What the schema lacks comes first: the rest may be its migration's to mend. */
export const findDatabaseFaults = async (
  database: Pick<Database, 'run'>,
  schema: string,
): Promise<readonly string[]> => {
  const fault = schemaFault(await schemaState(database, readMigrations(), schema))
  if (fault !== null) return [fault]
  return [...(await findSettingFaults(database)), ...(await findGrantFaults(database, schema))]
}

/** The line with which a server refuses to start; null when it may. */
export const schemaFault = (schema: SchemaState): string | null => {
  if (schema.state === 'current' || schema.state === 'newer') return null
  if (schema.state === 'behind') return `the database lacks ${schema.missing.join(', ')}: run signetd migrate`
  return AHEAD
}

/** What an operator can do something about is one line. */
export const faultOf = (error: unknown): unknown => {
  const code = codeOf(error)
  const detail = oneLine(error instanceof Error ? error.message : code)
  if (error instanceof StartFault) return error
  if (error instanceof Unavailable && isRefusedByPooler(error.cause)) return faultOf(error.cause)
  if (isOutage(code) || OF_TLS.test(code)) {
    return new StartFault([`DATABASE_URL: the database cannot be reached (${detail})`], error)
  }
  if (code === '55P03')
    return new StartFault(['the tables are busy, and nothing was changed: run it again'], error)
  if (REFUSALS.test(code)) return new StartFault([`DATABASE_URL: the database refuses: ${detail}`], error)
  return error
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** The codes of OpenSSL and of Node's TLS, and what the driver says of a password that the server cannot prove to know. */
const OF_TLS = /CERT|SSL|TLS|^EPROTO$|^UNABLE_TO_|^SASL_|SELF_SIGNED/

/** SQLSTATE: who signs in, to which database, with which parameters, and what they may do. */
const REFUSALS = /^(?:28|3D|42501|42704|42P0[67]|22023|0A000)/
