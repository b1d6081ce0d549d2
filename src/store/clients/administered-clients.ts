import type { AdministeredClients } from '../../ports/clients.ts'
import { writeEvents } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { advanceHead, noteChange } from './client-registrations.ts'
import { type ClientRow, clientColumns, toClientRecord } from './client-rows.ts'

/** What the administration adds to the clients of the database. Like every change, that of a secret locks the client first and the head last. */
export const createAdministeredClients = (database: Database): AdministeredClients => ({
  list: async ({ after, limit }) => {
    const rows = await database.run(
      sql => sql<ClientRow[]>`
        select ${clientColumns(sql)}
        from signet.clients
        where client_id > ${after ?? ''}
        order by client_id
        limit ${limit}`,
    )
    return rows.map(toClientRecord)
  },

  addSecret: async ({ client_id, versions, digest, overlap_seconds }) => {
    const given = versions === null ? null : `{${versions.join(',')}}`
    const [added] = await database.run(
      (sql, caller) => sql<{ former_expires_at: Date | null }[]>`
        with ${inTwoPhases(sql, caller)}
        client as materialized (
          select client_id, is_self_registered
          from signet.clients
          where client_id = ${client_id}
            and client_secret_digest is not null
            and not is_self_registered
            and (${given}::bigint[] is null or version = any(${given}::bigint[]))
          for update
        ),
        ${advanceHead(sql, 0)},
        ${noteChange(sql, client_id)},
        overlap as (
          select at + make_interval(secs => ${overlap_seconds}) as ends_at from advanced
        ),
        added as (
          update signet.clients c
          set client_secret_digest = ${digest}::bytea,
            former_secret_digest = case
              when ${overlap_seconds} = 0 then null
              when c.secret_used_at is null and c.former_secret_expires_at > advanced.at
                then c.former_secret_digest
              else c.client_secret_digest
            end,
            former_secret_expires_at = case when ${overlap_seconds} > 0 then overlap.ends_at end,
            former_secret_used_at = case
              when ${overlap_seconds} = 0 then null
              when c.secret_used_at is null and c.former_secret_expires_at > advanced.at
                then c.former_secret_used_at
              else c.secret_used_at
            end,
            secret_used_at = null,
            version = advanced.number,
            updated_at = advanced.at
          from advanced, overlap
          where c.client_id = ${client_id}
          returning c.former_secret_expires_at
        ),
        ${writeEvents(sql, caller.origin, [
          {
            kind: 'client.secret_added',
            from: sql`added`,
            client_id,
            details: sql`jsonb_build_object('former_until', added.former_secret_expires_at)`,
          },
        ])}
        select former_secret_expires_at as former_expires_at from added`,
    )
    return added ?? null
  },

  // The rows are locked in the order of their ids, so that the batches of two instances wait for each other in one order.
  noteUses: async uses => {
    const given = JSON.stringify(
      uses.map(({ client_id, digest }) => ({ client_id, digest: Buffer.from(digest).toString('hex') })),
    )
    await database.run(
      sql => sql`
        with used as materialized (
          select client_id, array_agg(decode(digest, 'hex')) as digests
          from jsonb_to_recordset(${given}::text::jsonb) as given (client_id text, digest text)
          group by client_id
        ),
        locked as materialized (
          select c.client_id, used.digests
          from signet.clients c
          join used on used.client_id = c.client_id
          where date_trunc('hour', statement_timestamp()) > least(
            coalesce(c.secret_used_at, '-infinity'), coalesce(c.former_secret_used_at, '-infinity')
          )
          order by c.client_id
          for update of c
        )
        update signet.clients c
        set secret_used_at = case
            when c.client_secret_digest = any(locked.digests) then date_trunc('hour', statement_timestamp())
            else c.secret_used_at
          end,
          former_secret_used_at = case
            when c.former_secret_digest = any(locked.digests) then date_trunc('hour', statement_timestamp())
            else c.former_secret_used_at
          end
        from locked
        where c.client_id = locked.client_id`,
    )
  },
})
