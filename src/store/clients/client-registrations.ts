import type { Sql } from 'postgres'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import type { EventKind } from '../../domain/events/event-kinds.ts'
import { CLIENTS_MOST, REGISTRATIONS_MOST } from '../../domain/oauth/client.ts'
import type { ClientRegistrations } from '../../ports/clients.ts'
import { type EventRows, writeEvents } from '../events/write-events.ts'
import { type Database, UNIQUE_VIOLATION } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { type ClientRow, clientColumns, createReadClients, toClientRecord } from './client-rows.ts'

/** Seconds for which a change is kept for the instances that follow. */
const CHANGE_SECONDS = 3600

/** Every change locks the client first and `client_head` last: two changes at once wait for each other in one order. */
export const createClientRegistrations = (database: Database): ClientRegistrations => ({
  create: client =>
    insertClient(database, {
      ...client,
      isSelfRegistered: false,
      isDisabled: false,
      event: 'client.created',
    }),

  replace: async ({ client_id, metadata, client_secret_digest, version }) => {
    const [row] = await database.run(
      (sql, caller) => sql<{ version: number | null; is_known: boolean }[]>`
        with ${inTwoPhases(sql, caller)}
        client as materialized (
          select client_id, is_self_registered, metadata, client_secret_digest
          from signet.clients
          where client_id = ${client_id} and version = ${version} and not is_self_registered
          for update
        ),
        ${advanceHead(sql, 0)},
        ${noteChange(sql, client_id)},
        replaced as (
          update signet.clients c
          set metadata = ${metadata},
            client_secret_digest = ${client_secret_digest},
            -- Another secret ends all others of the client.
            former_secret_digest = case
              when c.client_secret_digest = ${client_secret_digest}::bytea then c.former_secret_digest
            end,
            former_secret_expires_at = case
              when c.client_secret_digest = ${client_secret_digest}::bytea then c.former_secret_expires_at
            end,
            secret_used_at = case when c.client_secret_digest = ${client_secret_digest}::bytea then c.secret_used_at end,
            version = advanced.number,
            updated_at = advanced.at
          from advanced
          where c.client_id = ${client_id}
          returning c.client_id, c.version, c.metadata, c.client_secret_digest
        ),
        ${writeEvents(sql, caller.origin, [clientChanged(sql)])}
        select
          (select version::float8 from replaced) as version,
          exists (
            select client_id from signet.clients where client_id = ${client_id} and not is_self_registered
          ) as is_known`,
    )
    const { version: replaced = null, is_known = false } = row ?? {}
    if (replaced !== null) return { version: replaced }
    return is_known ? 'changed' : 'unknown'
  },

  disable: client_id => setDisabled(database, { client_id, isDisabled: true }),
  enable: client_id => setDisabled(database, { client_id, isDisabled: false }),

  delete: async (client_id, versions = null) => {
    const given = versions === null ? null : `{${versions.join(',')}}`
    const deleted = await database.run(
      (sql, caller) => sql`
        with ${inTwoPhases(sql, caller)}
        client as materialized (
          select client_id, is_self_registered
          from signet.clients
          where client_id = ${client_id} and (${given}::bigint[] is null or version = any(${given}::bigint[]))
          for update
        ),
        ${advanceHead(sql, -1)},
        ${noteChange(sql, client_id)},
        deleted as (
          delete from signet.clients c
          using advanced
          where c.client_id = ${client_id}
          returning c.client_id
        ),
        ${writeEvents(sql, caller.origin, [{ kind: 'client.deleted', from: sql`deleted`, client_id }])}
        select client_id from deleted`,
    )
    return deleted.length > 0
  },

  find: async client_id => {
    const [record] = await database.run(
      sql =>
        sql<ClientRow[]>`select ${clientColumns(sql)} from signet.clients where client_id = ${client_id}`,
    )
    return record === undefined ? null : toClientRecord(record)
  },

  readPage: createReadClients(database),
})

type Inserted = Parameters<ClientRegistrations['create']>[0] &
  Readonly<{ isSelfRegistered: boolean; isDisabled: boolean; event: EventKind }>

export const insertClient = async (
  database: Database,
  client: Inserted,
): Promise<Readonly<{ version: number }> | 'taken' | 'full'> => {
  try {
    return await insertOnce(database, client)
  } catch (error) {
    if (errorCodeOf(error) === UNIQUE_VIOLATION) return 'taken'
    throw error
  }
}

/** The id is looked for before, so that the log of Postgres has an error for a race alone. */
const insertOnce = async (
  database: Database,
  { client_id, metadata, client_secret_digest, isSelfRegistered, isDisabled, event }: Inserted,
) => {
  const [row] = await database.run(
    (sql, caller) => sql<{ version: number | null; is_taken: boolean }[]>`
      with ${inTwoPhases(sql, caller)}
      client as materialized (
        select ${client_id}::text as client_id, ${isSelfRegistered}::boolean as is_self_registered
        where not exists (select client_id from signet.clients where client_id = ${client_id})
      ),
      ${advanceHead(sql, 1)},
      ${noteChange(sql, client_id)},
      created as (
        insert into signet.clients (
          client_id, metadata, client_secret_digest, version, is_self_registered, disabled_at
        )
        select
          ${client_id}, ${metadata}, ${client_secret_digest}::bytea, number, ${isSelfRegistered}::boolean,
          case when ${isDisabled}::boolean then at end
        from advanced
        returning version
      ),
      ${writeEvents(sql, caller.origin, [{ kind: event, from: sql`created`, client_id }])}
      select
        (select version::float8 from created) as version,
        exists (select client_id from signet.clients where client_id = ${client_id}) as is_taken`,
  )
  const { version = null, is_taken = false } = row ?? {}
  if (version !== null) return { version }
  return is_taken ? 'taken' : 'full'
}

const setDisabled = async (
  database: Database,
  { client_id, isDisabled }: Readonly<{ client_id: string; isDisabled: boolean }>,
): Promise<boolean> => {
  const changed = await database.run(
    (sql, caller) => sql`
      with ${inTwoPhases(sql, caller)}
      client as materialized (
        select client_id, is_self_registered, disabled_at from signet.clients where client_id = ${client_id} for update
      ),
      ${advanceHead(sql, 0)},
      ${noteChange(sql, client_id)},
      changed as (
        update signet.clients c
        set disabled_at = case when ${isDisabled}::boolean then coalesce(c.disabled_at, advanced.at) end,
          version = advanced.number,
          updated_at = advanced.at
        from advanced
        where c.client_id = ${client_id}
        returning c.client_id
      ),
      ${writeEvents(sql, caller.origin, [
        {
          kind: isDisabled ? 'client.disabled' : 'client.enabled',
          from: sql`changed where (select disabled_at is not null from client) <> ${isDisabled}::boolean`,
          client_id,
        },
      ])}
      select client_id from changed`,
  )
  return changed.length > 0
}

/**
 * The event of the CTEs `client` and `replaced`, the client before and after the change, with the names of the members that differ. Both have
 * (client_id, metadata, client_secret_digest).
 */
const clientChanged = (sql: Sql): EventRows => ({
  kind: 'client.changed',
  from: sql`
    replaced
    join client former on former.client_id = replaced.client_id
    join lateral (
      select array(
        select coalesce(before.key, after.key)
        from jsonb_each(former.metadata::jsonb) before
        full join jsonb_each(replaced.metadata::jsonb) after on after.key = before.key
        where before.value is distinct from after.value
        order by 1
      ) as members
    ) difference on true`,
  client_id: sql`replaced.client_id`,
  details: sql`
    jsonb_build_object(
      'members', difference.members,
      'secret', former.client_secret_digest is distinct from replaced.client_secret_digest
    )`,
})

/**
 * CTEs `change`, `advanced (number, tag, previous_tag, at)`: gives the change of the CTE `client` its number and its time; no row where there
 * is no such client, or too many of its kind. `change` draws the tag and reads the time, because Citus allows neither function in an update.
 */
export const advanceHead = (sql: Sql, more_rows: -1 | 0 | 1) => sql`
  change as materialized (
    select is_self_registered, gen_random_uuid() as tag, statement_timestamp() as at from client
  ),
  advanced as (
    update signet.client_head h
    set number = h.number + 1,
      tag = change.tag,
      previous_tag = h.tag,
      clients = h.clients + case when change.is_self_registered then 0 else ${more_rows}::int end,
      registrations = h.registrations + case when change.is_self_registered then ${more_rows}::int else 0 end
    from change
    where h.id = 1
      and (
        ${more_rows}::int <= 0
        or case
          when change.is_self_registered then h.registrations < ${REGISTRATIONS_MOST}::int
          else h.clients < ${CLIENTS_MOST}::int
        end
      )
    returning h.number, h.tag, h.previous_tag, change.at
  )`

export const noteChange = (sql: Sql, client_id: string) => sql`
  noted as (
    insert into signet.client_changes (number, tag, previous_tag, client_id, expires_at)
    select
      number, tag, previous_tag, ${client_id},
      at + make_interval(secs => ${CHANGE_SECONDS})
    from advanced
  )`
