import type { Sql, TransactionSql } from 'postgres'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { inTransaction, ROLLED_BACK } from '../postgres/index.ts'
import { createSchema, schemaOfHistory } from '../schema/history.ts'

/**
 * ROLLED_BACK, and unique_violation, duplicate_table, duplicate_object (of its row type) and duplicate_schema: another instance has created
 * the same object meanwhile.
 */
const RACED: ReadonlySet<string> = new Set([...ROLLED_BACK, '23505', '42P07', '42710', '42P06'])
export const TRIES = 5
/** Postgres ends the connection of an instance that is silent for longer within a migration, which undoes the migration. */
const HANGING = '60s'
/** How often a transaction that holds a lease for another connection is not silent. */
const ALIVE_MILLISECONDS = 10_000

const leaseOf = (schema: string): string => `${schemaOfHistory(schema)}.__signet_migration_lease`

/** Creates the missing table of the leases, and the row that `tryBuildLease` locks. Concurrent instances all succeed. */
export const createLease = (sql: Sql, schema: string): Promise<void> =>
  inPatientTransaction(sql, async held => {
    await createSchema(held, schemaOfHistory(schema))
    await held`
      create table if not exists ${held(leaseOf(schema))} (
        id integer primary key,
        held_at timestamptz not null
      )`
    await held`
      insert into ${held(leaseOf(schema))} (id, held_at)
      values (2, statement_timestamp())
      on conflict (id) do nothing`
  })

/**
 * Takes the lease for the rest of the transaction; waits while another instance has it. The lease is a lock on a row, which Postgres
 * releases when the transaction ends, even if the instance has died.
 */
export const holdLease = async (sql: TransactionSql, schema: string): Promise<void> => {
  await sql`
    insert into ${sql(leaseOf(schema))} (id, held_at)
    values (1, statement_timestamp())
    on conflict (id) do update set held_at = excluded.held_at`
}

/**
 * Takes the lease of index builds for the rest of the transaction; false while another instance has it, or while Postgres builds an index
 * of the schema, perhaps for an instance that has died. It never waits: a build waits for every statement that began before it, so that a
 * statement which waited for the lease would wait for ever.
 */
export const tryBuildLease = async (sql: TransactionSql, schema: string): Promise<boolean> => {
  const taken = await sql`
    select id
    from ${sql(leaseOf(schema))}
    where
      id = 2
      and not exists (
        select
        from pg_stat_progress_create_index as build
        join pg_class as built on built.oid = build.relid
        join pg_namespace as place on place.oid = built.relnamespace
        where build.datname = current_database() and place.nspname = ${schema}
      )
    for update skip locked`
  return taken.length === 1
}

/**
 * Runs the work of another connection while this transaction holds a lease. It sends simple queries: the portal of an extended query would
 * keep its snapshot, for which the build of an index would wait.
 */
export const whileHeld = async <T>(sql: TransactionSql, work: () => Promise<T>): Promise<T> => {
  await sql.unsafe('select')
  // A failure is that of the transaction.
  const timer = setInterval(() => void sql.unsafe('select').catch(() => {}), ALIVE_MILLISECONDS)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

/** True for an error after which the same work may succeed, because another transaction was in its way. */
export const isRaced = (error: unknown): boolean => RACED.has(errorCodeOf(error) ?? '')

/**
 * Runs the work in one transaction without the role's timeouts, because it waits for other instances. Work that failed because of another
 * transaction is run again, TRIES times at most.
 */
export const inPatientTransaction = async <T>(
  sql: Sql,
  work: (held: TransactionSql) => Promise<T>,
): Promise<T> => {
  for (let tries = 1; ; tries++) {
    try {
      return await inTransaction(sql, async held => {
        await liftTimeouts(held)
        return work(held)
      })
    } catch (error) {
      if (tries === TRIES || !isRaced(error)) throw error
    }
  }
}

const liftTimeouts = (sql: TransactionSql) => sql`
  select
    set_config('statement_timeout', '0', true),
    set_config('lock_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', ${HANGING}, true)`
