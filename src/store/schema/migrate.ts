import type { Sql, TransactionSql } from 'postgres'
import { StartFault } from '../../domain/base/start-fault.ts'
import { type DatabasePlace, onPrimary, quoteIdentifier } from '../postgres/index.ts'
import { faultOf } from './database-faults.ts'
import { createHistory, createSchema, historyOf, readApplied } from './history.ts'
import { createLease, holdLease, inPatientTransaction } from './lease.ts'
import { type Applied, type Migration, planSteps, readMigrations, type Step } from './migrations.ts'

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

/**
 * Brings the schema to where it should be, and returns the steps taken. Each migration is one transaction, which holds the
 * lease that instances take turns on (so it serves behind PgBouncer too) and reads anew what is left to do.
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
      const applied = await inPatientTransaction(sql, held => readApplied(held, schema))
      const steps = stepsOf(known, applied, to)
      if (isDryRun || steps.length === 0) return steps.map(({ name, direction }) => ({ name, direction }))
      await createLease(sql, schema)
      return takeSteps(sql, { known, to, schema })
    })
  } catch (error) {
    throw await faultOf(error, place)
  }
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
