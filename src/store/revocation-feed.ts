import { type Snapshot, oldestUnseen } from '../domain/feed-cursor.ts'
import type { Revocation } from '../domain/revocation.ts'
import type { RevocationFeed } from '../ports/published-revocations.ts'
import type { Database } from './database.ts'
import { LATE_SECONDS } from '../domain/late.ts'

type Seen = Readonly<{ snapshot: string; server: string }>
type Row = Omit<Revocation, 'transaction_id'> & Readonly<{ transaction_id: string }>
type SeenRow = Seen & (Row | Readonly<{ kind: null }>)

/** Rows that are read at once: parsing them takes some milliseconds of the event loop. */
const PAGE_ROWS = 2000

export const createRevocationFeed = (database: Database): RevocationFeed => ({
  /** The snapshot is the statement's own: it names exactly the rows that came with it. */
  readSince: async known => {
    const rows = await database.run(
      sql => sql<SeenRow[]>`
        with seen as materialized (
          select
            pg_current_snapshot()::text as snapshot,
            (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint::text as server
        )
        select
          seen.snapshot, seen.server, r.kind, r.value,
          ceil(extract(epoch from r.expires_at))::float8 + ${LATE_SECONDS}::float8 as expires_at,
          floor(extract(epoch from r.issued_until))::float8 as issued_until,
          r.transaction_id::text as transaction_id
        from seen
        left join revocations r
          on r.transaction_id >= ${String(oldestUnseen(known))}::text::xid8
          and not pg_visible_in_snapshot(r.transaction_id, ${toText(known)}::text::pg_snapshot)
          and r.expires_at > statement_timestamp() - make_interval(secs => ${LATE_SECONDS})`,
    )
    const [first] = rows
    if (first === undefined) throw new Error('a snapshot without a row')
    return { snapshot: toSnapshot(first), revocations: rows.flatMap(toRevocations) }
  },

  readAll: async take => {
    const [seen] = await database.run(
      sql => sql<Seen[]>`
        select
          pg_current_snapshot()::text as snapshot,
          (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint::text as server`,
    )
    if (seen === undefined) throw new Error('a snapshot without a row')
    // Later pages show more than the snapshot saw, never less: what it saw stays where it is until it expires.
    for (let last: Pick<Row, 'kind' | 'value'> | undefined = { kind: 'client_id', value: '' }; last; ) {
      const rows: readonly Row[] = await readPage(database, last)
      await take(rows.flatMap(toRevocations))
      last = rows.length < PAGE_ROWS ? undefined : rows.at(-1)
    }
    return toSnapshot(seen)
  },
})

/** In the order of the primary key, from the kind that comes first in the alphabet. */
const readPage = (database: Database, { kind, value }: Pick<Row, 'kind' | 'value'>) =>
  database.run(
    sql => sql<Row[]>`
      select
        kind, value,
        ceil(extract(epoch from expires_at))::float8 + ${LATE_SECONDS}::float8 as expires_at,
        floor(extract(epoch from issued_until))::float8 as issued_until,
        transaction_id::text as transaction_id
      from revocations
      where (kind, value) > (${kind}, ${value})
        and expires_at > statement_timestamp() - make_interval(secs => ${LATE_SECONDS})
      order by kind, value
      limit ${PAGE_ROWS}`,
  )

const toRevocations = (row: Row | Readonly<{ kind: null }>): readonly Revocation[] => {
  if (row.kind === null) return []
  const { kind, value, expires_at, issued_until, transaction_id } = row
  return [{ kind, value, expires_at, issued_until, transaction_id: Number(transaction_id) }]
}

const toText = (snapshot: Snapshot): string =>
  `${oldestUnseen(snapshot)}:${snapshot.xmax}:${snapshot.running.join(',')}`

/** `xmin:xmax:xip,xip`; a transaction's number stays below 2^53 for 285 years at a million a second. */
const toSnapshot = ({ snapshot, server }: Seen): Snapshot => {
  const [, xmax, running] = snapshot.split(':')
  return {
    server: BigInt(server).toString(36),
    xmax: Number(xmax),
    running: running ? running.split(',').map(Number) : [],
  }
}
