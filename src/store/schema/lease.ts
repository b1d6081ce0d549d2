import type { Sql, TransactionSql } from 'postgres'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { inTransaction, ROLLED_BACK } from '../postgres/index.ts'
import { createSchema, schemaOfHistory } from './history.ts'

/** Also unique_violation, duplicate_table and duplicate_schema: an instance, perhaps without a lease, has made the same at the same time. */
const RACED: ReadonlySet<string> = new Set([...ROLLED_BACK, '23505', '42P07', '42P06'])
const TRIES = 5
/** An instance that is silent for longer within a migration hangs: Postgres ends its connection, which undoes the migration. */
const HANGING = '60s'

const leaseOf = (schema: string): string => `${schemaOfHistory(schema)}.__signet_migration_lease`

/** Makes the table of the lease where it is not there. Of several instances that do so at once, each succeeds. */
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
 * Takes the lease for the rest of the transaction: waits until no other instance has it. The lease is a lock on a row, which Postgres
 * releases when the transaction ends, whatever became of the instance.
 */
export const holdLease = async (sql: TransactionSql, schema: string): Promise<void> => {
  await sql`
    insert into ${sql(leaseOf(schema))} (id, held_at)
    values (1, statement_timestamp())
    on conflict (id) do update set held_at = excluded.held_at`
}

/**
 * All of the work, or nothing. It waits for other instances, and takes, as long as it must, whatever the role has as its timeouts. What
 * failed because of another transaction is carried out again.
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
