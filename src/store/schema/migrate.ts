import type { Sql, TransactionSql } from 'postgres'
import { DEFAULT_SCHEMA } from '../../domain/base/postgres-url.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { prepareEventMonths, readEventMonths } from '../partitions/event-months.ts'
import { type DatabasePlace, onPrimary, qualified, quoteIdentifier } from '../postgres/index.ts'
import { faultOf } from './database-faults.ts'
import { createHistory, createSchema, historyOf, readApplied } from './history.ts'
import { createLease, holdLease, inPatientTransaction } from './lease.ts'
import { type Applied, type Migration, planSteps, readMigrations, type Step } from './migrations.ts'

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
 * reads which steps are left; this works behind PgBouncer too. Rejects with a StartFault of one line for the operator, and leaves the
 * schema as it was before the failed step.
 */
export const migrate = async ({
  schema = DEFAULT_SCHEMA,
  to = 'latest',
  months_ahead = 12,
  isDryRun = false,
  known = readMigrations(),
  ...place
}: MigrateOptions): Promise<readonly Step[]> => {
  try {
    return await onPrimary(place, async sql => {
      const applied = await inPatientTransaction(sql, held => readApplied(held, schema))
      const steps = stepsOf(known, applied, to)
      if (isDryRun) return steps.map(({ name, direction }) => ({ name, direction }))
      if (steps.length > 0) await createLease(sql, schema)
      const taken = steps.length > 0 ? await takeSteps(sql, { known, to, schema }) : []
      await prepareMonths(qualified(sql, schema), months_ahead)
      return taken
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

type Wanted = Readonly<{ known: readonly Migration[]; to: string; schema: string }>

const takeSteps = async (sql: Sql, wanted: Wanted): Promise<readonly Step[]> => {
  const taken: Step[] = []
  for (;;) {
    const step = await inPatientTransaction(sql, held => takeStep(held, wanted))
    if (step === null) return taken
    taken.push(step)
  }
}

const takeStep = async (sql: TransactionSql, { known, to, schema }: Wanted): Promise<Step | null> => {
  await holdLease(sql, schema)
  const [step] = stepsOf(known, await readApplied(sql, schema), to)
  if (step === undefined) return null
  // Every request for a table waits behind a waiting change of it, so the change fails soon and can be run again.
  await sql`select set_config('lock_timeout', '5s', true)`
  await createSchema(sql, schema)
  await createHistory(sql, schema)
  // The schema alone: objects are created there, and Postgres searches pg_catalog first. Otherwise a function that another user has put
  // into the schema under the name of a built-in one would run with the owner's rights.
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

/** Replaces the schema that drizzle-kit names, which it does for the targets of foreign keys only. */
const inSchema = (statement: string, schema: string): string =>
  statement.replaceAll(`"${DEFAULT_SCHEMA}".`, () => `${quoteIdentifier(schema)}.`)

const stepsOf = (known: readonly Migration[], applied: Applied, to: string) => {
  const plan = planSteps(known, applied, to)
  if ('fault' in plan) throw new StartFault([plan.fault])
  return plan.steps
}
