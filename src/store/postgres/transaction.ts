import type { Sql, TransactionSql } from 'postgres'
import { errorCodeOf } from '../../domain/base/error-code.ts'

/** Not the default of the database: a statement that waited for a row judges the row's newest version. */
const READ_COMMITTED = 'isolation level read committed'

/**
 * All of `work`, or nothing. Rejects with what it rejects with, or when the connection ends. postgres.js 3.4.9 rolls back also on
 * a connection that has ended: it writes to nothing, which ends the process. It has rejected the transaction by then, so that `work`
 * need not.
 */
export const inTransaction = async <T>(sql: Sql, work: (held: TransactionSql) => Promise<T>): Promise<T> => {
  const { result } = await sql.begin(READ_COMMITTED, async held => {
    try {
      return { result: await work(held) }
    } catch (fault) {
      if (isOfConnection(fault)) return await new Promise<never>(() => {})
      throw fault
    }
  })
  return result
}

/** The system's errors, those of postgres.js of connections, and those of TLS; not Postgres' own, nor ours. */
const isOfConnection = (fault: unknown): boolean =>
  fault instanceof Error && ('errno' in fault || errorCodeOf(fault)?.startsWith('ERR_') === true)
