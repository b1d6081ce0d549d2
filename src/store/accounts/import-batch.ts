import type { Fragment, ISql } from 'postgres'
import { IMPORT_REMEMBERED_DAYS } from '../../domain/account/account-line.ts'
import { markImportedDigest } from '../../domain/account/password-digest.ts'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import type { AccountAdministration, ImportBatch, ImportOutcome } from '../../ports/accounts.ts'
import { writeEvents } from '../events/write-events.ts'
import { type Database, UNIQUE_VIOLATION } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'

const TRIES = 5

/**
 * Ours – Creates the accounts of a batch and notes that the batch is done, in one statement. Of two concurrent imports of one batch, the
 * second waits at the first e-mail and then fails: on Citus at the name of that e-mail, on one Postgres at the note. It has created no
 * account, and returns the outcome of the first when it is tried again.
 */
export const createImportBatch =
  (database: Database): AccountAdministration['importBatch'] =>
  async batch => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await carryOut(database, batch)
      } catch (error) {
        // A concurrent import has noted the same batch; or, on Citus, a name or an id of the batch was taken after it was judged.
        if (tries === TRIES || errorCodeOf(error) !== UNIQUE_VIOLATION) throw error
      }
    }
  }

const carryOut = async (database: Database, { digest, accounts }: ImportBatch): Promise<ImportOutcome> => {
  const column = <T>(pick: (account: ImportBatch['accounts'][number]['account']) => T) =>
    accounts.map(({ account }) => pick(account))
  const [outcome] = await database.run(
    (sql, { origin, isDistributed }) => sql<ImportOutcome[]>`
      with ${inTwoPhases(sql, { isDistributed })}
      known as materialized (
        select created, email_taken, id_taken, external_id_taken
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
          ${column(({ created_at }) => created_at)}::text[],
          ${column(({ external_id }) => external_id)}::text[],
          ${column(({ name }) => name)}::text[],
          ${column(({ given_name }) => given_name)}::text[],
          ${column(({ family_name }) => family_name)}::text[],
          ${column(({ preferred_username }) => preferred_username)}::text[],
          ${column(({ picture }) => picture)}::text[],
          ${column(({ locale }) => locale)}::text[],
          ${column(({ zoneinfo }) => zoneinfo)}::text[],
          ${accounts.map(({ totp_secret }) => totp_secret && Buffer.from(totp_secret).toString('hex'))}::text[]
        ) as given (
          number, id, email, password_digest, roles, email_verified, disabled, created_at, external_id,
          name, given_name, family_name, preferred_username, picture, locale, zoneinfo, totp_secret
        )
        where not exists (select from known)
      ),
      ${isDistributed ? judgeByNames(sql) : sql``}
      created as (
        insert into signet.users (
          id, email, password_digest, roles, email_verified_at, disabled_at, created_at, external_id,
          name, given_name, family_name, preferred_username, picture, locale, zoneinfo
        )
        select
          id, email, password_digest, array(select jsonb_array_elements_text(roles::jsonb)),
          case when email_verified::boolean then statement_timestamp() end,
          case when disabled::boolean then statement_timestamp() end,
          created_at::timestamptz, external_id,
          name, given_name, family_name, preferred_username, picture, locale, zoneinfo
        from line
        ${isDistributed ? sql`where number not in (select number from refused)` : sql``}
        order by email
        ${isDistributed ? sql`` : sql`on conflict do nothing`}
        returning id
      ),
      factors as (
        insert into signet.totp_factors (user_id, secret, last_step)
        select line.id, decode(line.totp_secret, 'hex'), 0
        from line
        join created on created.id = line.id
        where line.totp_secret is not null
      ),
      ${isDistributed ? sql`` : judgeByIndexes(sql)}
      noted as (
        insert into signet.import_batches (digest, created, email_taken, id_taken, external_id_taken, expires_at)
        select
          ${digest},
          (select count(*) from created),
          array(select number from refused where taken = 'email' order by number),
          array(select number from refused where taken = 'id' order by number),
          array(select number from refused where taken = 'external_id' order by number),
          statement_timestamp() + make_interval(days => ${IMPORT_REMEMBERED_DAYS})
        where not exists (select from known)
        returning created, email_taken, id_taken, external_id_taken
      ),
      ${writeEvents(sql, origin, [
        {
          kind: 'account.imported',
          from: sql`noted`,
          details: sql`jsonb_build_object('created', noted.created)`,
        },
      ])}
      select true as is_new, created, email_taken, id_taken, external_id_taken from noted
      union all
      select false, created, email_taken, id_taken, external_id_taken from known`,
  )
  if (outcome === undefined) throw new Error('a batch without an outcome')
  return outcome
}

/** CTE `refused (number, taken)`, followed by a comma: the lines that the insert of `created` has left out, and why. */
const judgeByIndexes = (sql: ISql): Fragment => sql`
  refused as (
    select
      number,
      case
        when exists (select from signet.users u where u.id = line.id and u.email <> line.email) then 'id'
        when exists (select from signet.users u where u.email = line.email) then 'email'
        when exists (select from signet.users u where u.external_id = line.external_id) then 'external_id'
        else 'email'
      end as taken
    from line
    where not exists (select from created where created.id = line.id)
  ),`

/**
 * CTE `refused` for Citus, and CTE `names`, which gives the names of the other lines. The inserts have no `on conflict do nothing`: a line
 * that is refused for one name would keep its other name, because a statement does not see what it has inserted itself. A name that was
 * taken after the judgement undoes the statement, and the batch is judged anew. The order keeps two imports from waiting for each other.
 */
const judgeByNames = (sql: ISql): Fragment => sql`
  name as materialized (
    select number, id, 'email'::text as kind, email as value from line
    union all
    select number, id, 'external_id'::text, external_id from line where external_id is not null
  ),
  same_name as materialized (
    select name.number, name.kind
    from name
    join signet.account_names n on n.kind = name.kind and n.value = name.value
  ),
  same_id as materialized (
    select line.number, 'id'::text as kind
    from line
    join signet.users u on u.id = line.id and u.email <> line.email
  ),
  refused as materialized (
    select
      number,
      case when bool_or(kind = 'id') then 'id' when bool_or(kind = 'email') then 'email' else 'external_id' end as taken
    from (select * from same_name union all select * from same_id) same
    group by number
  ),
  names as (
    insert into signet.account_names (kind, value, user_id)
    select kind, value, id
    from name
    where number not in (select number from refused)
    order by kind, value
  ),`
