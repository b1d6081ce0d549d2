import type { Sql } from 'postgres'
import type { ClientRecord } from '../../domain/oauth/client.ts'
import type { ClientRegistrations } from '../../ports/clients.ts'
import type { Database } from '../postgres/index.ts'

/** Clients of one page. Parsing them occupies the event loop for some milliseconds, and they are 4 MB at most. */
const PAGE_ROWS = 250

export const createReadClients =
  (database: Database): ClientRegistrations['readPage'] =>
  async after => {
    const rows = await database.run(
      sql => sql<ClientRow[]>`
        select ${clientColumns(sql)}
        from signet.clients
        where client_id > ${after ?? ''}
        order by client_id
        limit ${sql.unsafe(String(PAGE_ROWS))}`,
    )
    return rows.map(toClientRecord)
  }

export const clientColumns = (sql: Sql) =>
  sql`
    client_id, metadata, client_secret_digest, version::float8 as version, created_at, updated_at, disabled_at,
    former_secret_digest, former_secret_expires_at, secret_used_at, former_secret_used_at`

/** A row of `clientColumns`. */
export type ClientRow = Omit<ClientRecord, 'former_secret'> &
  Readonly<{
    former_secret_digest: ClientRecord['client_secret_digest']
    former_secret_expires_at: Date | null
  }>

export const toClientRecord = ({
  former_secret_digest: digest,
  former_secret_expires_at: expires_at,
  ...row
}: ClientRow): ClientRecord => ({
  ...row,
  former_secret: digest === null || expires_at === null ? null : { digest, expires_at },
})
