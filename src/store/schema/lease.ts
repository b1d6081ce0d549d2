import type { Sql, TransactionSql } from 'postgres'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { inTransaction, ROLLED_BACK } from '../postgres/index.ts'
import { createSchema, schemaOfHistory } from './history.ts'

/** ROLLED_BACK, and unique_violation, duplicate_table and duplicate_schema: another instance has created the same object meanwhile. */
const RACED: ReadonlySet<string> = new Set([...ROLLED_BACK, '23505', '42P07', '42P06'])
const TRIES = 5
/** Postgres ends the connection of an instance that is silent for longer within a migration, which undoes the migration. */
const HANGING = '60s'

const leaseOf = (schema: string): string => `${schemaOfHistory(schema)}.__signet_migration_lease`

/** Creates the missing table of the lease. Concurrent instances all succeed. */
export const createLease = (sql: Sql, schema: string): Promise<void> =>
  inPatientTransaction(sql, async held => {
    await createSchema(held, schemaOfHistory(schema))
    await held`
      create table if not exists ${held(leaseOf(schema))} (
        id integer primary key,
        held_at timestamptz not null
      )`
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
      if (tries === TRIES || !RACED.has(errorCodeOf(error) ?? '')) throw error
    }
  }
}

const liftTimeouts = (sql: TransactionSql) => sql`
  select
    set_config('statement_timeout', '0', true),
    set_config('lock_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', ${HANGING}, true)`
