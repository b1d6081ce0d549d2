import { rowMetadataOf } from '../../domain/clients/stored-registration.ts'
import type { RegistrationRows } from '../../ports/clients.ts'
import { writeEvents } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { advanceHead, createClientRegistrations, insertClient, noteChange } from './client-registrations.ts'

/** RFC 7592 – The rows of clients that have registered themselves. They stand in the table of the other clients, and have a count of their own. */
export const createRegistrationRows = (database: Database): RegistrationRows => {
  const stored = createClientRegistrations(database)
  return {
    find: client_id => stored.find(client_id),
    delete: client_id => stored.delete(client_id),
    enable: client_id => stored.enable(client_id),
    disable: client_id => stored.disable(client_id),

    add: async row => {
      const inserted = await insertClient(database, { ...row, isSelfRegistered: true })
      return typeof inserted === 'string' ? inserted : 'added'
    },

    change: async ({ client_id, metadata, client_secret_digest }) => {
      const changed = await database.run(
        (sql, caller) => sql`
          with ${inTwoPhases(sql, caller)}
          client as materialized (
            select client_id, is_self_registered, metadata, client_secret_digest
            from signet.clients
            where client_id = ${client_id} and is_self_registered and metadata <> ${DELETED}
            for update
          ),
          ${advanceHead(sql, 0)},
          ${noteChange(sql, client_id)},
          changed as (
            update signet.clients c
            set metadata = ${metadata},
              client_secret_digest = ${client_secret_digest}::bytea,
              version = advanced.number,
              updated_at = advanced.at
            from advanced
            where c.client_id = ${client_id}
            returning c.client_id, c.metadata, c.client_secret_digest
          ),
          ${writeEvents(sql, caller.origin, [
            {
              kind: metadata === DELETED ? 'client.deleted' : 'client.changed',
              from: sql`
                changed
                join client on (client.metadata, client.client_secret_digest)
                  is distinct from (changed.metadata, changed.client_secret_digest)`,
              client_id,
            },
          ])}
          select client_id from changed`,
      )
      return changed.length > 0
    },
  }
}

const DELETED = rowMetadataOf('deleted')
