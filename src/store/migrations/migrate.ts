import type { Sql, TransactionSql } from 'postgres'
import { DEFAULT_SCHEMA } from '../../domain/base/postgres-url.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { prepareEventMonths, readEventMonths } from '../partitions/event-months.ts'
import { type DatabasePlace, onPrimary, qualified, quoteIdentifier } from '../postgres/index.ts'
import { faultOf } from '../schema/database-faults.ts'
import { readCitusState, WORKER_FAULT } from '../schema/distribution.ts'
import { createHistory, createSchema, historyOf, readApplied } from '../schema/history.ts'
import { type Applied, type Migration, planSteps, readMigrations, type Step } from '../schema/migrations.ts'
import { buildIndexes, retryWhileBusy } from './build-indexes.ts'
import { distributeNew } from './distribute.ts'
import {
  createdTables,
  expectedIndexes,
  findLargeTables,
  findUnbuilt,
  lateIndexesOf,
} from './late-indexes.ts'
import { createLease, holdLease, inPatientTransaction, tryBuildLease } from './lease.ts'

export type MigrateOptions = DatabasePlace &
  Readonly<{
    /** Schema of the tables. Default DEFAULT_SCHEMA. */
    schema?: string
    /** The name of the last migration to apply, or `none`. Default: the newest. */
    to?: string
    /** Months of events for which partitions are made ahead. Default 12. */
    months_ahead?: number
    /** Returns the steps without taking them. */
    isDryRun?: boolean
    /** The migrations, for tests of other versions. Default: those of this version. */
    known?: readonly Migration[]
  }>

/**
 * Migrates the schema to the target and returns the steps taken. Each migration is one transaction, which first takes the lease and then
 * reads which steps are left; this works behind PgBouncer too. Large indexes on tables of earlier migrations are built afterwards, while
 * the tables are written. Rejects with a StartFault of one line for the operator, and leaves the schema as it was before the failed step.
 */
export const migrate = async ({
  schema = DEFAULT_SCHEMA,
  to = 'latest',
  months_ahead = 12,
  isDryRun = false,
  known = readMigrations(),
  ...place
}: MigrateOptions): Promise<readonly Step[]> => {
  // The embedded database has one connection, and no other instance uses it.
  const isEmbedded = place.path !== undefined
  const wanted = { known, to, schema, isEmbedded }
  try {
    return await onPrimary(place, async sql => {
      if (isDryRun) return inPatientTransaction(sql, held => foresee(held, wanted))
      const applied = await inPatientTransaction(sql, held => readApplied(held, schema))
      const taken = stepsOf(known, applied, to).length === 0 ? [] : await takeSteps(sql, wanted)
      const built = isEmbedded ? [] : await buildIndexes(sql, { place, known, schema })
      await prepareMonths(qualified(sql, schema), months_ahead)
      return [...taken, ...built]
    })
  } catch (error) {
    throw await faultOf(error, place)
  }
}

/** Partitions are no state of the schema: a role that may not make them leaves the default partition to take the events. */
const prepareMonths = async (sql: Sql, months_ahead: number): Promise<void> => {
  const events = await readEventMonths(sql)
  if (events?.may_change === true) await prepareEventMonths(sql, events, months_ahead)
}

type Wanted = Readonly<{ known: readonly Migration[]; to: string; schema: string; isEmbedded: boolean }>

const foresee = async (
  sql: TransactionSql,
  { known, to, schema, isEmbedded }: Wanted,
): Promise<readonly Step[]> => {
  const applied = await readApplied(sql, schema)
  const steps = stepsOf(known, applied, to)
  const moves = steps.map(({ name, direction }) => ({ name, direction }))
  if (isEmbedded) return moves
  const up = steps.filter(({ direction }) => direction === 'up').map(({ migration }) => migration)
  const down = new Set(
    steps.filter(({ direction }) => direction === 'down').map(({ migration }) => migration),
  )
  const lasting = known.filter(migration => applied.has(migration.when) && !down.has(migration))
  const large = await findLargeTables(sql, schema)
  const before = await findUnbuilt(sql, { schema, expected: expectedIndexes(lasting) })
  const later = expectedIndexes(up).filter(({ table }) => large.has(table))
  return [...moves, ...[...before, ...later].map(({ name }) => ({ name, direction: 'build' as const }))]
}

const takeSteps = async (sql: Sql, wanted: Wanted): Promise<readonly Step[]> => {
  await createLease(sql, wanted.schema)
  const taken: Step[] = []
  for (;;) {
    const step = await retryWhileBusy(() => inPatientTransaction(sql, held => takeStep(held, wanted)))
    if (step === null) return taken
    taken.push(step)
  }
}

const takeStep = async (
  sql: TransactionSql,
  { known, to, schema, isEmbedded }: Wanted,
): Promise<Step | null | 'busy'> => {
  await holdLease(sql, schema)
  const [step] = stepsOf(known, await readApplied(sql, schema), to)
  if (step === undefined) return null
  // A change of a table would wait for the build of its index, and every request for the table behind the change.
  if (!isEmbedded && !(await tryBuildLease(sql, schema))) return 'busy'
  // Every request for a table waits behind a waiting change of it, so the change fails soon and can be run again.
  await sql`select set_config('lock_timeout', '5s', true)`
  await createSchema(sql, schema)
  await createHistory(sql, schema)
  // The schema alone: objects are created there, and Postgres searches pg_catalog first. Otherwise a function that another user has put
  // into the schema under the name of a built-in one would run with the owner's rights.
  await sql`select set_config('search_path', ${quoteIdentifier(schema)}, true)`
  const { migration, name, direction } = step
  const statements =
    direction === 'up' ? await withoutLargeIndexes(sql, { migration, schema, isEmbedded }) : migration.down
  const isSpread = await prepareCitus(sql, schema)
  // Names would be lost with their table, and migrating again would not bring them back.
  if (isSpread && direction === 'down')
    throw new StartFault([
      `--to: the tables are distributed, and ${name} cannot be undone there: restore a backup`,
    ])
  for (const statement of statements ?? []) {
    await sql.unsafe(inSchema(ifBuilt(statement), schema))
    // A foreign key of a later statement has to find both of its tables distributed.
    if (isSpread) for (const name of createdTables(statement)) await distributeNew(sql, { name, schema })
  }
  await (direction === 'up'
    ? sql`
        insert into ${sql(historyOf(schema))} (hash, created_at, compatible_with)
        values (${migration.hash}, ${migration.when}, ${migration.compatible_with})`
    : sql`delete from ${sql(historyOf(schema))} where created_at = ${migration.when}`)
  return { name, direction }
}

/** True where tables are distributed. The transaction then uses one connection to each node, as a foreign key between new tables needs. */
const prepareCitus = async (sql: TransactionSql, schema: string): Promise<boolean> => {
  const citus = await readCitusState(sql, schema)
  if (citus?.role === 'worker') throw new StartFault([WORKER_FAULT])
  if (citus === null || citus.distributed.size === 0) return false
  await sql`select set_config('citus.multi_shard_modify_mode', 'sequential', true)`
  return true
}

type Place = Readonly<{ migration: Migration; schema: string; isEmbedded: boolean }>

/** The statements of a migration that its transaction carries out: an index on a small table is built there. */
const withoutLargeIndexes = async (
  sql: TransactionSql,
  { migration, schema, isEmbedded }: Place,
): Promise<readonly string[]> => {
  const late = lateIndexesOf(migration)
  if (isEmbedded || late.length === 0) return migration.up
  const large = await findLargeTables(sql, schema)
  const left = new Set(late.filter(({ table }) => large.has(table)).map(({ statement }) => statement))
  return migration.up.filter(statement => !left.has(statement))
}

/** The index may be one that has not been built yet. */
const ifBuilt = (statement: string): string =>
  statement.replace(/^(\s*drop index )(?=")/i, (_, drop: string) => `${drop}if exists `)

/** Replaces the schema that drizzle-kit names, which it does for the targets of foreign keys only. */
const inSchema = (statement: string, schema: string): string =>
  statement.replaceAll(`"${DEFAULT_SCHEMA}".`, () => `${quoteIdentifier(schema)}.`)

const stepsOf = (known: readonly Migration[], applied: Applied, to: string) => {
  const plan = planSteps(known, applied, to)
  if ('fault' in plan) throw new StartFault([plan.fault])
  return plan.steps
}
