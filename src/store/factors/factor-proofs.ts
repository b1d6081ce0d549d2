import type { ISql } from 'postgres'
import type { SealedSecret } from '../../domain/factors/sealed-secret.ts'
import { TOTP_FAILURES_AT_MOST } from '../../domain/factors/totp.ts'
import type { Factors } from '../../ports/factors.ts'
import { writeEventsOf } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'

type Proofs = Pick<Factors, 'attemptTotp' | 'spendTotpStep' | 'spendRecoveryCode' | 'usePasskey'>

/** The verbs that spend a proof of a factor, each in one statement. */
export const createFactorProofs = (database: Database): Proofs => ({
  attemptTotp: async ({ account_id, isKnownDevice }) => {
    const [attempt] = await database.run(
      sql => sql<{ secret: SealedSecret | null; failures: number }[]>`
        with attempted as (
          update signet.totp_factors
          set failures = failures + ${isKnownDevice ? 0 : 1}, known_failures = known_failures + ${isKnownDevice ? 1 : 0}
          where user_id = ${account_id}
            and case when ${isKnownDevice}::boolean then known_failures else failures end < ${TOTP_FAILURES_AT_MOST}
          returning user_id, secret, case when ${isKnownDevice}::boolean then known_failures else failures end as failures
        )
        select attempted.secret, attempted.failures
        from signet.totp_factors t
        left join attempted on attempted.user_id = t.user_id
        where t.user_id = ${account_id}`,
      `account:${account_id}`,
    )
    if (attempt === undefined) return null
    const { secret, failures } = attempt
    return secret === null ? 'closed' : { secret, failures }
  },

  spendTotpStep: async ({ account_id, step, resealed, isKnownDevice }) => {
    const spent = await database.run(
      sql => sql`
        update signet.totp_factors
        set last_step = ${step},
          secret = coalesce(${resealed}::bytea, secret),
          failures = case when ${isKnownDevice}::boolean then failures else 0 end,
          known_failures = case when ${isKnownDevice}::boolean then 0 else known_failures end
        where user_id = ${account_id} and last_step < ${step}
        returning user_id`,
      `account:${account_id}`,
    )
    return spent.length > 0
  },

  spendRecoveryCode: async ({ account_id, digest }) => {
    const spent = await database.run(
      (sql, caller) => sql`
        with proof as (
          update signet.recovery_codes
          set digests = array_remove(digests, ${digest}::bytea)
          where user_id = ${account_id} and ${digest}::bytea = any(digests)
          returning user_id
        ), ${openingTotp(sql, account_id)},
        ${writeEventsOf(sql, caller, account_id, [
          { kind: 'factor.recovery_code_spent', from: sql`proof`, user_id: sql`proof.user_id` },
        ])}
        select user_id from proof`,
      `account:${account_id}`,
    )
    return spent.length > 0
  },

  // WebAuthn §7.2 – The counter must rise; an authenticator that does not count stays at 0.
  usePasskey: async ({ account_id, id, counter, backed_up }) => {
    const used = await database.run(
      sql => sql`
        with proof as (
          update signet.passkeys
          set counter = ${counter}, backed_up = ${backed_up}, last_used_at = statement_timestamp()
          where id = ${id}
            and user_id = ${account_id}
            and (counter < ${counter} or counter = 0 and ${counter}::bigint = 0)
          returning user_id
        ), ${openingTotp(sql, account_id)}
        select user_id from proof`,
      `account:${account_id}`,
    )
    return used.length > 0
  },
})

/** CTE that opens TOTP again after the CTE `proof`, which cannot be guessed. */
const openingTotp = (sql: ISql, account_id: string) => sql`
  opened as (
    update signet.totp_factors t
    set failures = 0, known_failures = 0
    from proof
    where t.user_id = ${account_id} and t.user_id = proof.user_id and (t.failures > 0 or t.known_failures > 0)
  )`
