import type { Consent, ConsentRecord } from '../../domain/authorization/consent.ts'
import type { Consents } from '../../ports/authorization.ts'
import { signInsEnded, writeEventsOf } from '../events/write-events.ts'
import { onHeldAccount } from '../families/end-families.ts'
import {
  type EndedBatch,
  endInBatches,
  endSelectedFamilies,
  isLastBatch,
} from '../families/end-selected-families.ts'
import type { Database } from '../postgres/index.ts'
import { inTwoPhases, ofPerson } from '../schema/caller-forms.ts'

type Lifetimes = Readonly<{ access_token_seconds: number }>

export const createConsents = (database: Database, { access_token_seconds }: Lifetimes): Consents => ({
  find: async ({ user_id, client_id }) => {
    const [consent] = await database.run(
      sql => sql<Consent[]>`
        select version, granted, declined, document_digest
        from signet.consents
        where user_id = ${user_id} and client_id = ${client_id}`,
    )
    return consent ?? null
  },

  grant: createGrant(database),

  withdraw: ({ user_id, client_id, reason }) =>
    endInBatches(() =>
      onHeldAccount(
        database,
        user_id,
        (sql, caller) => sql<EndedBatch[]>`
          with ${inTwoPhases(sql, caller)}
          consent as materialized (
            select client_id
            from signet.consents
            where user_id = ${user_id} and client_id = ${client_id} and granted <> '{}'
          ),
          ${endSelectedFamilies(sql, caller, {
            user_id,
            condition: sql`f.client_id = (select client_id from consent)`,
            reason,
            access_token_seconds,
          })},
          withdrawn as (
            update signet.consents c
            set version = c.version + 1, granted = '{}', declined = '{}'
            from consent
            where c.user_id = ${user_id} and c.client_id = consent.client_id and ${isLastBatch(sql)}
            returning c.client_id
          ),
          ${writeEventsOf(sql, caller, user_id, [
            { kind: 'consent.withdrawn', from: sql`withdrawn`, reason, user_id, client_id },
            signInsEnded(sql, reason),
          ])}
          select array(select id::text from ended) as ended, ${isLastBatch(sql)} as is_last
          from consent`,
      ),
    ),

  list: user_id =>
    database.run(
      sql => sql<ConsentRecord[]>`
        select client_id, version, granted, granted_at
        from signet.consents
        where user_id = ${user_id} and granted <> '{}'
        order by granted_at desc, client_id`,
    ),
})

/** Ours – The account's row is held, so that a deletion or a reset under way is waited for and leaves nothing to grant for. */
const createGrant =
  (database: Database): Consents['grant'] =>
  async ({ user_id, credential_epoch, client_id, granted, declined = [], ...document }) => {
    const { document_digest = null, document_parts = null } = document
    const [consent] = await database.run(
      (sql, caller) => sql<Consent[]>`
        with account as materialized (
          select id
          from signet.users
          where id = ${user_id} and credential_epoch = ${credential_epoch} and disabled_at is null
          for share
        ),
        consent as (
          insert into signet.consents as known (
            user_id, client_id, granted, declined, document_digest, document_parts, granted_at
        )
        select
          id, ${client_id}, ${granted}::text[], ${declined}::text[], ${document_digest}::bytea, ${document_parts}::bytea,
          statement_timestamp()
        from ${ofPerson(sql, caller, { user_id, rows: sql`account`, column: sql`id` })}
        on conflict (user_id, client_id) do update
        set granted = array(
            select each from unnest(known.granted) as each
            where known.document_digest is not distinct from excluded.document_digest
            union select each from unnest(excluded.granted) as each
            except select each from unnest(excluded.declined) as each
            order by each
          ),
          declined = array(
            select each from unnest(known.declined) as each
            where known.document_digest is not distinct from excluded.document_digest
            union select each from unnest(excluded.declined) as each
            except select each from unnest(excluded.granted) as each
            order by each
          ),
          document_digest = excluded.document_digest,
          document_parts = excluded.document_parts,
          granted_at = excluded.granted_at
        returning known.user_id, known.version, known.granted, known.declined, known.document_digest
        ),
        ${writeEventsOf(sql, caller, user_id, [
          {
            kind: 'consent.granted',
            from: sql`consent`,
            user_id: sql`consent.user_id`,
            client_id,
            details: sql`jsonb_build_object('granted', consent.granted)`,
          },
        ])}
        select version, granted, declined, document_digest from consent`,
      `account:${user_id}`,
    )
    return consent ?? null
  }
