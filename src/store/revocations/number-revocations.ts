import { POSITION_SECONDS } from '../../domain/revocations/feed-cursor.ts'
import type { Database } from '../postgres/index.ts'

/** Entries that one statement numbers, at most, so that it stays short. */
const BATCH_ROWS = 1000

/**
 * Ours – Numbers committed entries without a number and returns their count. Atomic, and waits for no lock: while another instance numbers,
 * the statement does nothing, and rows that another transaction is changing are left for the next call.
 *
 * The head is locked before a number is given and released once the number is visible, so that numbers become visible in order. The
 * statement may see fewer entries than are committed when it gets the lock, never more; the next call numbers the rest. A row that was
 * numbered since the statement began is evaluated again on its newest version (read committed) and left alone.
 *
 * Order and limit are hints for the planner: only the index of unnumbered entries has this order. The limit is a literal, because a generic
 * plan, which must serve any limit, would read the whole table. The result is a count and no rows, so that a reader that hangs does not
 * hold the head.
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

/** Numbers entries until none are left, or another instance is at work. True when any were numbered. */
export const numberAll = async (database: Database): Promise<boolean> => {
  for (let hasNumbered = false; ; hasNumbered = true) {
    const rows = await numberSome(database)
    if (rows < BATCH_ROWS) return hasNumbered || rows > 0
  }
}
