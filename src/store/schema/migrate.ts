import postgres, { type Sql, type TransactionSql } from 'postgres'
import { StartFault } from '../../domain/base/start-fault.ts'
import { addressesOf, connectionOptions, type DatabasePlace, isStandby } from '../postgres/hosts.ts'
import { quoteIdentifier } from '../postgres/qualify.ts'
import { trackSockets } from '../postgres/sockets.ts'
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

const CONNECT_SECONDS = 5

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
    const connector = sockets.createConnector(() => {})
    const [address] = addresses
    const { startup, ...signIn } = connectionOptions(place.url, address)
    const options = {
      ...CLIENT_OPTIONS,
      ...signIn,
      ...address,
      connection: { application_name: 'signetd migrate', ...startup },
      socket: connector.connect,
    }
    const sql = postgres(options)
    try {
      // The driver asks again, for ever, where each connection is ended before it is ready.
      const isUseless = await inTime(isStandby(sql), CONNECT_SECONDS * addresses.length)
      if (!isUseless || others === 0) return await work(sql)
      connector.failOver()
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
