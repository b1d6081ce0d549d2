import { CLOCK_TOLERANCE_MAX_SECONDS } from '../../domain/base/clock-tolerance.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { FeedPosition } from '../../domain/revocations/feed-cursor.ts'
import {
  type NumberedRevocation,
  type Revocation,
  UNNUMBERED_MOST,
} from '../../domain/revocations/revocation.ts'
import type { FeedStep, RevocationFeed } from '../../ports/revocations.ts'
import type { Database } from '../postgres/index.ts'
import { numberAll } from './number-revocations.ts'

type Entry = Omit<NumberedRevocation, 'number'> & Readonly<{ number: number | null; tag: null }>
type Position = Readonly<{ kind: null; value: null; number: number; tag: string }>

/** Entries of one page: parsing them blocks the event loop for some milliseconds. */
const PAGE_ROWS = 2000
/** Numbers whose entries one step reads. Each number has a batch of entries. */
const STEP_NUMBERS = 32
/** Time that a reader waits for its own numbering. It then answers with unnumbered entries, unless they are too many for one answer. */
const NUMBERING_MILLISECONDS = 200
/** Time that a reader waits for another instance to number, so that followers get the entries once, with their number. */
const OTHERS_MILLISECONDS = 25

export const createRevocationFeed = (database: Database): RevocationFeed => {
  let numbering: Promise<boolean> | null = null

  /** False when another instance is numbering. Never rejects: unnumbered entries are part of the answer all the same. */
  const numberNow = ({ unnumbered }: FeedStep): Promise<boolean> => {
    numbering ??= numberAll(database)
      .catch(() => false)
      .finally(() => {
        numbering = null
      })
    if (unnumbered.length > UNNUMBERED_MOST) return numbering
    return Promise.race([numbering, falseAfter(NUMBERING_MILLISECONDS)])
  }

  return {
    readSince: async known => {
      const step = await readStep(database, known)
      if (step === null || step.unnumbered.length === 0) return step
      if (!(await numberNow(step))) await pause(OTHERS_MILLISECONDS)
      return requireWhole(await readStep(database, known))
    },

    readAll: async take => {
      await numberAll(database).catch(() => false)
      const positions = await readPositions(database)
      const head = positions.at(-1)
      if (head === undefined) throw new Error('the table feed_head has no row')
      // A change between two pages loses no entry: an entry that changes meanwhile gets a later number.
      for (let last: Pick<Entry, 'kind' | 'value'> | undefined = { kind: 'client_id', value: '' }; last; ) {
        const rows: readonly NumberedRevocation[] = await readPage(database, last, head)
        await take(rows)
        last = rows.length < PAGE_ROWS ? undefined : rows.at(-1)
      }
      return positions
    },
  }
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds))

const falseAfter = async (milliseconds: number): Promise<false> => {
  await pause(milliseconds)
  return false
}

/** One statement reads positions and entries, so that it sees all entries up to the last position. */
const readStep = async (database: Database, known: FeedPosition): Promise<FeedStep | null> => {
  const rows = await database.run(
    sql => sql<(Position | Entry)[]>`
      with positions as materialized (
        select number, tag
        from (
          select number, tag from signet.feed_positions where number >= ${known.number}
          union all
          select number, tag from signet.feed_head where id = 1 and number >= ${known.number}
        ) since
        order by number
        limit ${STEP_NUMBERS + 2}
      ),
      entries as materialized (
        select kind, value, expires_at, issued_until, number
        from signet.revocations
        where number > ${known.number}
          and number <= ${known.number + STEP_NUMBERS}
          and number <= (select max(number) from positions)
          and numbered_until is not distinct from issued_until
          and expires_at > statement_timestamp() - make_interval(secs => ${CLOCK_TOLERANCE_MAX_SECONDS})
      ),
      unnumbered as materialized (
        select kind, value, expires_at, issued_until
        from signet.revocations
        where (number is null or numbered_until is distinct from issued_until)
          and expires_at > statement_timestamp() - make_interval(secs => ${CLOCK_TOLERANCE_MAX_SECONDS})
        order by revoked_at
        limit ${sql.unsafe(String(UNNUMBERED_MOST + 1))}
      )
      select
        null as kind, null as value, null::float8 as expires_at, null::float8 as issued_until,
        number::float8 as number, tag
      from positions
      union all
      select
        kind, value, ceil(extract(epoch from expires_at))::float8 + ${CLOCK_TOLERANCE_MAX_SECONDS}::float8,
        floor(extract(epoch from issued_until))::float8, number::float8, null
      from entries
      union all
      select
        kind, value, ceil(extract(epoch from expires_at))::float8 + ${CLOCK_TOLERANCE_MAX_SECONDS}::float8,
        floor(extract(epoch from issued_until))::float8, null, null
      from unnumbered`,
  )
  return toStep(known, rows)
}

const toStep = (known: FeedPosition, rows: readonly (Position | Entry)[]): FeedStep | null => {
  const positions = rows.flatMap(row => (row.kind === null ? [{ number: row.number, tag: row.tag }] : []))
  const [first, ...later] = positions.toSorted((one, other) => one.number - other.number)
  if (first?.number !== known.number || first.tag !== known.tag) return null
  const numbered: NumberedRevocation[] = []
  const unnumbered: Revocation[] = []
  for (const row of rows) {
    if (row.kind === null) continue
    const { kind, value, expires_at, issued_until, number } = row
    if (number === null) unnumbered.push({ kind, value, expires_at, issued_until })
    else numbered.push({ kind, value, expires_at, issued_until, number })
  }
  const isUnfinished = later.length > STEP_NUMBERS
  return { positions: later.slice(0, STEP_NUMBERS), isUnfinished, numbered, unnumbered }
}

const requireWhole = (step: FeedStep | null): FeedStep | null => {
  if (step !== null && step.unnumbered.length > UNNUMBERED_MOST)
    throw new Unavailable('database', 1, 'too many revocations wait for a number')
  return step
}

const readPositions = (database: Database): Promise<readonly FeedPosition[]> =>
  database.run(
    sql => sql<FeedPosition[]>`
      select number::float8 as number, tag from signet.feed_positions
      union all
      select number::float8, tag from signet.feed_head where id = 1
      order by number`,
  )

/** A page in the order of the primary key, after the given entry. */
const readPage = (
  database: Database,
  { kind, value }: Pick<Entry, 'kind' | 'value'>,
  head: FeedPosition,
): Promise<readonly NumberedRevocation[]> =>
  database.run(
    sql => sql<NumberedRevocation[]>`
      select
        kind, value,
        ceil(extract(epoch from expires_at))::float8 + ${CLOCK_TOLERANCE_MAX_SECONDS}::float8 as expires_at,
        floor(extract(epoch from issued_until))::float8 as issued_until,
        number::float8 as number
      from signet.revocations
      where (kind, value) > (${kind}, ${value})
        and number <= ${head.number}
        and expires_at > statement_timestamp() - make_interval(secs => ${CLOCK_TOLERANCE_MAX_SECONDS})
      order by kind, value
      limit ${PAGE_ROWS}`,
  )
