import postgres, { type Sql, type TransactionSql } from 'postgres'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { firstIdAt } from '../../domain/base/uuid.ts'
import { type Database, inTransaction, isLostWorker, ROLLED_BACK } from '../postgres/index.ts'

/**
 * Errors for which a month is left for the next time, beside a worker of Citus that is away: busy tables, a month whose rows are in the default
 * partition, a month that another instance has made meanwhile, a role that may not.
 */
const LEFT_FOR_LATER: ReadonlySet<string> = new Set([
  ...ROLLED_BACK,
  '55P03',
  '57014',
  '23514',
  '23505',
  '42P07',
  // Postgres looks for the table first and for its row type later: the table may have been made in between.
  '42710',
  '42P01',
  '42501',
])

type Known = Readonly<{
  /** The first days of the months that have a partition. */
  months: readonly Date[]
  /** True for a role that may create and drop partitions. */
  may_change: boolean
  /** False for a role that reaches the default partition by the table alone. */
  may_read_default: boolean
  now: Date
}>

/** The partitions of the events, by the clock of the database; null without the table, as before its migration. */
export const readEventMonths = async (sql: Sql | TransactionSql): Promise<Known | null> => {
  const [row] = await sql<(Omit<Known, 'months'> & { names: string })[]>`
    select
      statement_timestamp() as now,
      coalesce(has_table_privilege(to_regclass('signet.events_default'), 'select'), false) as may_read_default,
      pg_has_role(events.relowner, 'usage') and has_schema_privilege(events.relnamespace, 'create') as may_change,
      coalesce(
        (
          select string_agg(partition.relname, ' ')
          from pg_catalog.pg_inherits
          join pg_catalog.pg_class partition on partition.oid = inhrelid
          where inhparent = events.oid
        ),
        ''
      ) as names
    from pg_catalog.pg_class events
    where events.oid = to_regclass('signet.events')`
  if (row === undefined) return null
  const { names, ...known } = row
  return { ...known, months: names.split(' ').flatMap(monthsOf) }
}

/**
 * Ours – Prepares the partitions of this month and of those that follow, as far as that is possible without making writers wait for more than
 * a second: the default partition has the rows of a month that could not be prepared.
 */
export const prepareEventMonths = async (
  sql: Sql,
  { now, months }: Known,
  months_ahead: number,
): Promise<void> => {
  const there = new Set(months.map(month => month.getTime()))
  const wanted = Array.from({ length: months_ahead + 1 }, (_, ahead) => monthAfter(now, ahead))
  for (const month of wanted.filter(each => !there.has(each.getTime()))) {
    // Another instance may be preparing the same months.
    const known = await readEventMonths(sql)
    if (known?.months.some(each => each.getTime() === month.getTime()) === true) continue
    await orLater(async () => {
      if (!(await inTransaction(sql, held => hasLateEvents(held, month))))
        await inTransaction(sql, held => prepareMonth(held, month))
    })
  }
}

/** Drops the months whose last event is older than the retention. */
export const dropEventMonths = async (
  sql: Sql,
  { now, months }: Known,
  retention_days: number,
): Promise<void> => {
  const oldest = now.getTime() - retention_days * DAY_MILLISECONDS
  for (const month of months.filter(each => monthAfter(each, 1).getTime() <= oldest))
    await orLater(() => inTransaction(sql, held => dropMonth(held, month)))
}

/** Whether the events of the next months have a place of their own. */
export type EventPreparation = Readonly<{
  /** As `countMonthsAhead` counts them. */
  months_ahead: number
  /** True for a role that prepares months by itself. */
  may_change: boolean
  /** True where events have come for which no month was prepared. False, too, for a role that may not look. */
  has_late_rows: boolean
}>

/** Null without the table, as before its migration. Rejects with Unavailable. */
export const readEventPreparation = async (database: Database): Promise<EventPreparation | null> => {
  const known = await database.run(sql => readEventMonths(sql))
  if (known === null) return null
  const months_ahead = countMonthsAhead(known)
  return {
    months_ahead,
    may_change: known.may_change,
    has_late_rows: known.may_read_default && (await hasLateRows(database)),
  }
}

const hasLateRows = async (database: Database): Promise<boolean> => {
  const rows = await database.run(sql => sql`select from signet.events_default limit 1`)
  return rows.length > 0
}

/** How many months that begin later have a partition without a gap. */
export const countMonthsAhead = ({ now, months }: Known): number => {
  const there = new Set(months.map(month => month.getTime()))
  let ahead = 0
  while (there.has(monthAfter(now, ahead + 1).getTime())) ahead++
  return ahead
}

const DAY_MILLISECONDS = 86_400_000

/** Whether the default partition has rows of the month. Its lock is not kept: two instances that both had it would wait for each other. */
const hasLateEvents = async (sql: TransactionSql, month: Date): Promise<boolean> => {
  await limitWaiting(sql)
  const late = await sql`
    select from signet.events_default
    where id >= ${firstIdAt(month)} and id < ${firstIdAt(monthAfter(month, 1))}
    limit 1`
  return late.length > 0
}

/**
 * A table that is made first and attached then: an attachment lets writers go on, but for those of the default partition, which Postgres
 * reads through for rows of the month. Of instances that prepare one month at once, the first to make the table goes on, and the others
 * wait for the name without a lock that the first one needs.
 */
const prepareMonth = async (sql: TransactionSql, month: Date): Promise<void> => {
  const name = nameOf(month)
  const [from, until] = [firstIdAt(month), firstIdAt(monthAfter(month, 1))]
  await limitWaiting(sql)
  await sql`create table signet.${sql(name)} (like signet.events including all)`
  await sql`
    alter table signet.events attach partition signet.${sql(name)}
    for values from (${sql.unsafe(`'${from}'`)}) to (${sql.unsafe(`'${until}'`)})`
}

const dropMonth = async (sql: TransactionSql, month: Date): Promise<void> => {
  await limitWaiting(sql)
  await sql`drop table signet.${sql(nameOf(month))}`
}

/** Every request for a table waits behind a waiting change of it. */
const limitWaiting = (sql: TransactionSql) => sql`
  select set_config('lock_timeout', '1s', true), set_config('statement_timeout', '3s', true)`

const orLater = async (work: () => Promise<void>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    const isWorkerAway = error instanceof postgres.PostgresError && isLostWorker(error)
    if (!isWorkerAway && !LEFT_FOR_LATER.has(errorCodeOf(error) ?? '')) throw error
  }
}

const nameOf = (month: Date): string => `events_${month.toISOString().slice(0, 7).replace('-', '_')}`

const monthsOf = (name: string): readonly Date[] => {
  const [, year, month] = /^events_(\d{4})_(\d{2})$/.exec(name) ?? []
  return year === undefined || month === undefined
    ? []
    : [new Date(Date.UTC(Number(year), Number(month) - 1))]
}

const monthAfter = (time: Date, months: number): Date =>
  new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + months))
