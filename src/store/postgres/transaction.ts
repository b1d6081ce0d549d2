import type { Sql, TransactionSql } from 'postgres'
import { errorCodeOf } from '../../domain/base/error-code.ts'

/** Independent of the database's default: after a wait for a row, a statement must judge the row's newest version. */
const READ_COMMITTED = 'isolation level read committed'

/**
 * Runs `work` in one transaction. Rejects with the error of `work`, or when the connection ends. postgres.js 3.4.9 also rolls back on a
 * connection that has ended, and the write to the missing socket ends the process. It has rejected the transaction by then, so that `work`
 * can stay pending.
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

/** True for errors of the system, of TLS, and of postgres.js about connections; false for those of Postgres and of Signet. */
const isOfConnection = (fault: unknown): boolean =>
  fault instanceof Error && ('errno' in fault || errorCodeOf(fault)?.startsWith('ERR_') === true)
