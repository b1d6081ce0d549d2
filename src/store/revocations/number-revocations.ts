import { POSITION_SECONDS } from '../../domain/revocations/feed-cursor.ts'
import type { Database } from '../postgres/index.ts'

/** Entries that one statement numbers, at most: it is to stay short. */
const BATCH_ROWS = 1000

/**
 * Ours – Numbers what is committed and not numbered yet, and returns how many that were. Atomic, and waits for no row: while another
 * instance numbers, it does nothing, and what another transaction is changing is left for the next time.
 *
 * The head is locked before a number is given and released when that number is visible, so that numbers are seen in their order.
 * The statement may see less than is committed when it has the lock, never more: what it misses is numbered next. A row that was
 * numbered since it began is judged again on its newest version (read committed), and left alone.
 * Order and limit are for the planner, the limit as a literal: only the index of what has no number is in that order, and a plan for
 * any limit would read the whole table.
 * Returns a count and no rows: a reader that hangs must not hold the head.
 */
export const numberSome = async (database: Database): Promise<number> => {
  const [numbered] = await database.run(
    sql => sql<{ rows: number }[]>`
      with head as materialized (
        select id, number, tag from signet.feed_head where id = 1 for update skip locked
      ),
      unnumbered as materialized (
        select kind, value
        from signet.revocations
        where (number is null or numbered_until is distinct from issued_until)
          and exists (select from head)
        order by revoked_at
        limit ${sql.unsafe(String(BATCH_ROWS))}
        for no key update skip locked
      ),
      advanced as (
        update signet.feed_head h
        set number = h.number + 1, tag = gen_random_uuid()
        from head
        where h.id = 1 and h.id = head.id and exists (select from unnumbered)
        returning h.number
      ),
      passed as (
        insert into signet.feed_positions (number, tag, expires_at)
        select head.number, head.tag, statement_timestamp() + make_interval(secs => ${POSITION_SECONDS})
        from head, advanced
      ),
      numbered as (
        update signet.revocations r
        set number = advanced.number, numbered_until = r.issued_until
        from unnumbered u, advanced
        where r.kind = u.kind and r.value = u.value
        returning 1
      )
      select count(*)::int as rows from numbered`,
  )
  return numbered?.rows ?? 0
}

/** Until nothing is left, or another instance is at it. True when it has numbered anything. */
export const numberAll = async (database: Database): Promise<boolean> => {
  for (let hasNumbered = false; ; hasNumbered = true) {
    const rows = await numberSome(database)
    if (rows < BATCH_ROWS) return hasNumbered || rows > 0
  }
}
