import { IMPORT_REMEMBERED_DAYS } from '../../domain/account/account-line.ts'
import { markImportedDigest } from '../../domain/account/password-digest.ts'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import type { AccountAdministration, ImportBatch, ImportOutcome } from '../../ports/accounts.ts'
import { type Database, UNIQUE_VIOLATION } from '../postgres/index.ts'

const TRIES = 5

/**
 * Ours – Creates the accounts of a batch and notes that the batch is done, in one statement. Of two concurrent imports of one batch, the
 * second waits at the first e-mail, fails at the note without creating an account, and then returns the outcome of the first.
 */
export const createImportBatch =
  (database: Database): AccountAdministration['importBatch'] =>
  async batch => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await carryOut(database, batch)
      } catch (error) {
        // A concurrent import has noted the same batch.
        if (tries === TRIES || errorCodeOf(error) !== UNIQUE_VIOLATION) throw error
      }
    }
  }

const carryOut = async (database: Database, { digest, accounts }: ImportBatch): Promise<ImportOutcome> => {
  const column = <T>(pick: (account: ImportBatch['accounts'][number]['account']) => T) =>
    accounts.map(({ account }) => pick(account))
  const [outcome] = await database.run(
    sql => sql<ImportOutcome[]>`
      with known as materialized (
        select created, email_taken, id_taken
        from signet.import_batches
        where digest = ${digest}
      ),
      line as materialized (
        select *
        from unnest(
          ${accounts.map(({ number }) => number)}::int[],
          ${column(({ id }) => id)}::uuid[],
          ${column(({ email }) => email)}::text[],
          ${column(({ password_digest }) => password_digest && markImportedDigest(password_digest))}::text[],
          ${column(({ roles }) => JSON.stringify(roles))}::text[],
          ${column(({ email_verified }) => String(email_verified))}::text[],
          ${column(({ disabled }) => String(disabled))}::text[],
          ${column(({ created_at }) => created_at)}::text[]
        ) as given (number, id, email, password_digest, roles, email_verified, disabled, created_at)
        where not exists (select from known)
      ),
      created as (
        insert into signet.users (id, email, password_digest, roles, email_verified_at, disabled_at, created_at)
        select
          id, email, password_digest, array(select jsonb_array_elements_text(roles::jsonb)),
          case when email_verified::boolean then statement_timestamp() end,
          case when disabled::boolean then statement_timestamp() end,
          created_at::timestamptz
        from line
        order by email
        on conflict do nothing
        returning id
      ),
      refused as (
        select number, exists (select from signet.users u where u.id = line.id and u.email <> line.email) as is_id
        from line
        where not exists (select from created where created.id = line.id)
      ),
      noted as (
        insert into signet.import_batches (digest, created, email_taken, id_taken, expires_at)
        select
          ${digest},
          (select count(*) from created),
          array(select number from refused where not is_id order by number),
          array(select number from refused where is_id order by number),
          statement_timestamp() + make_interval(days => ${IMPORT_REMEMBERED_DAYS})
        where not exists (select from known)
        returning created, email_taken, id_taken
      )
      select true as is_new, created, email_taken, id_taken from noted
      union all
      select false, created, email_taken, id_taken from known`,
  )
  if (outcome === undefined) throw new Error('a batch without an outcome')
  return outcome
}
