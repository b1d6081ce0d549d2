import type { ClientChanges, ClientPosition } from '../../ports/clients.ts'
import { type Database, OID } from '../postgres/index.ts'
import { type ClientRow, clientColumns, createReadClients, toClientRecord } from './client-rows.ts'
import { createReadRefusals } from './registration-refusals.ts'

/** Changes that one step reads, at most. */
const STEP_ROWS = 200

type Head = Readonly<{ head_number: number; head_tag: string }>
type Change = Readonly<{ number: number; tag: string; previous_tag: string; client_id: string }>

export const createClientChanges = (database: Database): ClientChanges => ({
  readPosition: async () => {
    const [head] = await database.run(
      sql => sql<ClientPosition[]>`
        select number::float8 as number, tag from signet.client_head where id = 1`,
    )
    if (head === undefined) throw new Error(NO_HEAD)
    return head
  },

  // Both tables are asked by their primary key, which costs the same however many clients there are.
  readSince: async position => {
    const rows = await database.run(
      sql => sql<(Head & { [Name in keyof Change]: Change[Name] | null })[]>`
        select
          h.number::float8 as head_number, h.tag as head_tag,
          c.number::float8 as number, c.tag, c.previous_tag, c.client_id
        from signet.client_head h
        left join (
          select number, tag, previous_tag, client_id
          from signet.client_changes
          where number > ${position.number}
          order by number
          limit ${sql.unsafe(String(STEP_ROWS))}
        ) c on true
        where h.id = 1
        order by c.number`,
    )
    const [head] = rows
    if (head === undefined) throw new Error(NO_HEAD)
    const changes = rows.flatMap(({ number, tag, previous_tag, client_id }) =>
      number === null || tag === null || previous_tag === null || client_id === null
        ? []
        : [{ number, tag, previous_tag, client_id }],
    )
    return toStep(position, head, changes)
  },

  readPage: createReadClients(database),
  readRefusals: createReadRefusals(database),

  findMany: async client_ids => {
    const rows = await database.run(
      sql => sql<ClientRow[]>`
        select ${clientColumns(sql)}
        from signet.clients
        where client_id = any(${sql.typed([...client_ids], OID.text_array)}::text[])`,
    )
    return rows.map(toClientRecord)
  },
})

const NO_HEAD = 'the table client_head has no row'

/** Null unless each change names the tag of the one before, from the known position on. */
const toStep = (known: ClientPosition, head: Head, changes: readonly Change[]) => {
  if (changes.length === 0) {
    const isCurrent = head.head_number === known.number && head.head_tag === known.tag
    return isCurrent ? { position: known, client_ids: [] } : null
  }
  let position = known
  for (const { number, tag, previous_tag } of changes) {
    if (number !== position.number + 1 || previous_tag !== position.tag) return null
    position = { number, tag }
  }
  return { position, client_ids: [...new Set(changes.map(({ client_id }) => client_id))] }
}
