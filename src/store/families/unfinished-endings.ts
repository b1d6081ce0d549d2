import type { Fragment, ISql } from 'postgres'
import { CLOCK_TOLERANCE_MAX_SECONDS } from '../../domain/base/clock-tolerance.ts'
import { writeEventsOf } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { isFamilyOfRow, isUnmarked, toldColumns } from '../schema/family-predicates.ts'
import { writeFeedEntries } from './feed-entries.ts'
import { writeLogoutNoticesOfPerson } from './logout-notices.ts'
import { DELETED, DUE_SECONDS, FAMILIES_AT_ONCE } from './note-unfinished.ts'

/** How long the caller of an ending waits for the rest of the sign-ins, which are dead already. */
const WAIT_MILLISECONDS = 1_000
/** Accounts whose endings one round continues. */
const PEOPLE_AT_ONCE = 20

/**
 * True for a family of which a verifier may still accept a token. A retry is answered with a fresh token and leaves no trace in the row, so
 * that a family whose last rotation can be retried counts too.
 */
const mayHaveTokens = (sql: ISql): Fragment => sql`
  (f.retry_proof is not null or coalesce(f.rotated_at, f.created_at) > person.tokens_since)`

/** True for a family `f` that needs a feed entry of its own: the entry of its `person` covers tokens up to a second only. */
const needsEntry = (sql: ISql): Fragment => sql`
  ${mayHaveTokens(sql)}
    and (
      own_entry.covers_until is null
      or f.retry_proof is not null
      or coalesce(f.rotated_at, f.created_at) >= own_entry.covers_until
    )`

type Person = Readonly<{ user_id: string; access_token_seconds: number }>

/**
 * Ours – Continues an ending when its first statement has found as many sign-ins as it can end. The caller waits for a moment, and the work
 * continues without it: the remaining sign-ins are dead already, by the epoch. Never rejects. An ending that this process does not finish
 * is continued by any instance in its next round.
 */
export const goOnEnding = async (
  database: Database,
  { found, ...person }: Person & Readonly<{ found: number }>,
): Promise<void> => {
  if (found < FAMILIES_AT_ONCE) return
  const finished = finishEnding(database, person).catch(() => {})
  await Promise.race([finished, new Promise(resolve => setTimeout(resolve, WAIT_MILLISECONDS).unref())])
}

/** Ends the remaining sign-ins of one account, one batch a statement. */
export const finishEnding = async (database: Database, person: Person): Promise<void> => {
  for (;;) {
    const found = await endBatch(database, person)
    if (found === null || found < FAMILIES_AT_ONCE) return
  }
}

type Finish = Readonly<{ access_token_seconds: number; onFailure: (error: unknown) => void }>

/** Continues the endings that another process has left. A failure for one account does not delay the others. */
export const createFinishEndings =
  (database: Database, { access_token_seconds, onFailure }: Finish) =>
  async (): Promise<void> => {
    const people = await database.run(
      sql => sql<{ user_id: string }[]>`
        select user_id
        from signet.unfinished_endings
        where due_at <= statement_timestamp()
        order by due_at
        limit ${PEOPLE_AT_ONCE}`,
    )
    for (const { user_id } of people) {
      const finished = finishClaimed(database, { user_id, access_token_seconds })
      await finished.catch(onFailure)
    }
  }

const finishClaimed = async (database: Database, person: Person): Promise<void> => {
  if (await claim(database, person)) await finishEnding(database, person)
}

/** Atomic: true for one instance, until the ending is due again. A failed ending comes after those that are due already. */
const claim = async (database: Database, { user_id }: Person): Promise<boolean> => {
  const claimed = await database.run(
    sql => sql`
      update signet.unfinished_endings
      set due_at = statement_timestamp() + make_interval(secs => ${DUE_SECONDS})
      where user_id = ${user_id} and due_at <= statement_timestamp()
      returning user_id`,
  )
  return claimed.length > 0
}

/**
 * The count of families that were found; null when none are left, or another instance is at work. For a deleted account, the families are
 * deleted, and after the last of them the account's row.
 */
const endBatch = async (database: Database, person: Person): Promise<number | null> => {
  const ended = await markBatch(database, person)
  if (ended !== null) return ended
  const gone = await deleteFamilies(database, person)
  if (gone !== null && gone < FAMILIES_AT_ONCE) await deleteLast(database, person.user_id)
  return gone
}

/** Atomic. Marks families of earlier epochs; those of the account's present epoch live. */
const markBatch = async (database: Database, { user_id, access_token_seconds }: Person) => {
  const [batch] = await database.run(
    (sql, caller) => sql<{ found: number }[]>`
      with ${inTwoPhases(sql, caller)}
      ${unfinishedPerson(sql, { user_id, access_token_seconds, condition: sql`e.reason <> ${DELETED}` })},
      rest as materialized (
        select f.user_id, f.id
        from signet.refresh_families f
        join person on person.user_id = f.user_id
        where f.user_id = ${user_id}
          and f.credential_epoch < person.credential_epoch
          and ${isUnmarked(sql)}
        limit ${FAMILIES_AT_ONCE}
      ),
      marked as (
        update signet.refresh_families f
        set revoked_at = statement_timestamp(), revoke_reason = person.reason
        from rest, person, own_entry
        where ${isFamilyOfRow(sql, caller, { rows: sql`rest`, user_id })} and f.revoked_at is null
        returning ${toldColumns(sql)}, person.reason, ${needsEntry(sql)} as needs_entry
      ),
      ended as (
        select id from marked where needs_entry
      ),
      ${writeFeedEntries(sql, access_token_seconds)},
      spared as materialized (
        select distinct f.client_id
        from signet.refresh_families f
        join person on person.user_id = f.user_id and person.credential_epoch = f.credential_epoch
        where f.user_id = ${user_id} and f.logout_notice is not null and ${isUnmarked(sql)}
      ),
      ${writeLogoutNoticesOfPerson(sql, { ended: sql`marked`, spared: sql`spared` })},
      done as (
        delete from signet.unfinished_endings e
        using person
        where e.user_id = ${user_id} and (select count(*) from rest) < ${FAMILIES_AT_ONCE}
      ),
      ${writeEventsOf(sql, caller, user_id, [
        {
          kind: 'sign_in.ended',
          from: sql`marked`,
          reason: sql`marked.reason`,
          user_id,
          client_id: sql`marked.client_id`,
          sid: sql`marked.id`,
        },
      ])}
      select (select count(*) from rest)::int as found from person`,
  )
  return batch?.found ?? null
}

/** Atomic. Deletes families of a deleted account. */
const deleteFamilies = async (database: Database, { user_id, access_token_seconds }: Person) => {
  const [batch] = await database.run(
    (sql, caller) => sql<{ found: number }[]>`
      with ${inTwoPhases(sql, caller)}
      ${unfinishedPerson(sql, { user_id, access_token_seconds, condition: sql`e.reason = ${DELETED}` })},
      rest as materialized (
        select f.user_id, f.id
        from signet.refresh_families f
        join person on person.user_id = f.user_id
        where f.user_id = ${user_id}
        limit ${FAMILIES_AT_ONCE}
      ),
      gone as (
        delete from signet.refresh_families f
        using rest, person, own_entry
        where ${isFamilyOfRow(sql, caller, { rows: sql`rest`, user_id })}
        returning
          ${toldColumns(sql)}, f.revoked_at is null and ${needsEntry(sql)} as needs_entry,
          f.revoked_at is null and f.expires_at > person.judged_at as was_living
      ),
      ended as (
        select id from gone where needs_entry
      ),
      ${writeFeedEntries(sql, access_token_seconds)},
      ${writeLogoutNoticesOfPerson(sql, { ended: sql`(select * from gone where was_living)` })},
      ${writeEventsOf(sql, caller, user_id, [
        {
          kind: 'sign_in.ended',
          from: sql`gone where was_living`,
          reason: DELETED,
          user_id,
          client_id: sql`gone.client_id`,
          sid: sql`gone.id`,
        },
      ])}
      select (select count(*) from rest)::int as found from person`,
  )
  return batch?.found ?? null
}

type Unfinished = Person & Readonly<{ condition: Fragment }>

/**
 * CTE `person`: the account whose ending is unfinished, locked; no row while another instance is at work. CTE `own_entry`: one row, with the
 * second from which the person's own entry of the feed covers no tokens; null without an entry. The entry has a CTE of its own, because Citus
 * locks no row of a shard beside a table of the coordinator. All times are calculated here, because Citus refuses that in a `returning`.
 */
const unfinishedPerson = (
  sql: ISql,
  { user_id, access_token_seconds, condition }: Unfinished,
): Fragment => sql`
  person as materialized (
    select
      e.user_id, e.reason, u.credential_epoch, statement_timestamp() as judged_at,
      statement_timestamp()
        - make_interval(secs => ${access_token_seconds + 2 * CLOCK_TOLERANCE_MAX_SECONDS}) as tokens_since
    from signet.unfinished_endings e
    join signet.users u on u.id = e.user_id
    where e.user_id = ${user_id} and ${condition}
    for no key update of e skip locked
  ),
  own_entry as materialized (
    select max(issued_until) + interval '1 second' as covers_until
    from signet.revocations
    where kind = 'sub' and value = ${user_id}
  )`

/** Deletes the account itself, and with it the note of its unfinished ending. */
const deleteLast = (database: Database, user_id: string) =>
  database.run(
    sql => sql`
      delete from signet.users u
      using signet.unfinished_endings e
      where u.id = ${user_id} and e.user_id = u.id and e.reason = ${DELETED}`,
  )
