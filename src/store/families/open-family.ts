import type { Fragment, ISql } from 'postgres'
import type { ExtraClaims } from '../../domain/sign-in/extra-claims.ts'
import type { EndReason, Family, Lifetimes, NewFamily } from '../../domain/sign-in/refresh-family.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import { type EventRows, writeEventsOf } from '../events/write-events.ts'
import type { Caller, Database } from '../postgres/index.ts'
import { ofPerson } from '../schema/caller-forms.ts'

/**
 * Ours – Inserts the family while the account's row is locked. The statement waits for a password change under way and then sees it, so
 * that a sign-in whose password was checked before the change gets no family after it. At a client whose tokens were ended up to this
 * second, the tokens of the new family count from the next second, so that the ending does not cover them.
 */
export const createOpenFamily =
  (database: Database, { idle_seconds, max_seconds }: Lifetimes): RefreshFamilies['open'] =>
  async ({ claims, ...family }: NewFamily) => {
    const [opened] = await database.run(
      (sql, caller) => sql<Family[]>`
        with origin as materialized (
          select
            id as user_id, roles, credential_epoch, ${family.client_id}::text as client_id, ${family.scope}::text as scope,
            ${family.audience}::text[] as audience, ${family.refresh_transport}::text as refresh_transport,
            null::uuid as session_id, ${jsonText(claims)}::text::jsonb as claims, statement_timestamp() as proved_at, ${family.amr}::text[] as proved_by,
            ${idle_seconds}::int as idle_seconds,
            statement_timestamp() + make_interval(secs => ${max_seconds}) as expires_at
          from signet.users
          where id = ${family.user_id} and credential_epoch = ${family.credential_epoch} and disabled_at is null
          for share
        ),
        opened as (
          ${openFamily(sql, caller, { ...family, sender_key: sql`${family.sender_key}::text` })}
          returning *
        ),
        ${writeEventsOf(sql, caller, family.user_id, [signInOpened(sql, sql`opened`)])}
        select ${openedColumns(sql)}, ${issuedAt(sql, family.client_id)} as at
        from opened, origin`,
      `account:${family.user_id}`,
    )
    return opened ?? null
  }

/** Of a scope in an event: a client may be registered for many long values. */
const SCOPE_MOST_CHARACTERS = 1_000

/** The event of each family that a CTE has inserted. */
export const signInOpened = (sql: ISql, inserted: Fragment): EventRows => ({
  kind: 'sign_in.opened',
  from: sql`${inserted} as inserted`,
  user_id: sql`inserted.user_id`,
  client_id: sql`inserted.client_id`,
  sid: sql`inserted.id`,
  details: sql`jsonb_build_object('amr', inserted.amr, 'scope', left(inserted.scope, ${SCOPE_MOST_CHARACTERS}::int))`,
})

/** When the token of a sign-in at a client counts as issued: after the second up to which the client's tokens were ended. */
export const issuedAt = (sql: ISql, client_id: string | Fragment): Fragment => sql`
  greatest(
    statement_timestamp(),
    (
      select issued_until + interval '1 second'
      from signet.revocations
      where kind = 'client_id' and value = ${client_id}
    )
  )`

/** A parameter that is cast `::text::jsonb`: of one that is jsonb the driver would make a JSON string. */
export const jsonText = (claims: ExtraClaims | null): string | null =>
  claims === null ? null : JSON.stringify(claims)

/** Each is a value, or a column of `origin`. */
type OrColumn<T> = { readonly [Name in keyof T]: T[Name] | Fragment }

type Opening = OrColumn<Pick<NewFamily, 'id' | 'salt' | 'pepper_id' | 'token_digest'>> &
  Readonly<{
    /** The person of `origin`; null: not known, or several people. */
    user_id: string | null
    source: OrColumn<NewFamily['source']>
    /** A LogoutNotice, from `origin`. By default the client is not told of the end. */
    logout_notice?: Fragment
    /** RFC 9449 §5 – Thumbprint of the key that the family is bound to; null: to none. */
    sender_key: Fragment
    /** The extra claims; null: none. By default those of `origin`. */
    claims?: Fragment
  }>

/**
 * Inserts a family from the CTE `origin (user_id, credential_epoch, client_id, scope, audience, refresh_transport, session_id, proved_at,
 * proved_by, idle_seconds, expires_at, claims)`. Inserts nothing when `origin` is empty.
 */
export const openFamily = (sql: ISql, caller: Caller, { user_id, ...family }: Opening): Fragment => sql`
  insert into signet.refresh_families as family (${insertedColumns(sql)})
  ${selectFamily(sql, family, ofPerson(sql, caller, { user_id, rows: sql`origin` }))}`

/** `from`: what follows `from`, with rows of `refresh_families`. */
type OpeningAndEnding = Opening & Readonly<{ former: Readonly<{ from: Fragment; reason: EndReason }> }>

/**
 * The same, and ends former families of the person: each row of them is inserted again and conflicts with itself, so that one insert writes
 * both. The union is in a subquery, because Citus pushes no insert from a union down to the node of the person. The key is named by its
 * constraint, because on a distributed database it has the person before the id.
 */
export const openAndEndFamilies = (
  sql: ISql,
  caller: Caller,
  { user_id, former, ...family }: OpeningAndEnding,
): Fragment => sql`
  insert into signet.refresh_families as family (${insertedColumns(sql)})
  select ${insertedColumns(sql)}
  from ${ofPerson(sql, caller, {
    user_id,
    rows: sql`
      (
        ${selectFamily(sql, family, sql`origin`)}
        union all
        select ${unchangingColumns(sql)}, statement_timestamp(), ${former.reason}::text
        from ${former.from}
      ) as opened_and_ended (${insertedColumns(sql)})`,
  })}
  on conflict on constraint refresh_families_pkey do update
  set revoked_at = excluded.revoked_at, revoke_reason = excluded.revoke_reason`

const selectFamily = (
  sql: ISql,
  {
    id,
    salt,
    pepper_id,
    token_digest,
    source,
    logout_notice = sql`null`,
    sender_key,
    claims = sql`claims`,
  }: Omit<Opening, 'user_id'>,
  from: Fragment,
): Fragment => sql`
  select
    ${id}, user_id, credential_epoch, client_id, scope, audience, proved_at, proved_by, ${salt},
    ${pepper_id}, ${token_digest}, refresh_transport, ${sender_key}, session_id, ${logout_notice},
    least(statement_timestamp() + make_interval(secs => idle_seconds), expires_at), expires_at,
    ${source.ip}, ${source.user_agent}, ${claims}, null::timestamptz, null::text
  from ${from}`

/** The columns that are inserted. Every other column has its default. */
const insertedColumns = (sql: ISql): Fragment => sql`${unchangingColumns(sql)}, revoked_at, revoke_reason`

const unchangingColumns = (sql: ISql): Fragment => sql`
  id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
  refresh_transport, sender_key, session_id, logout_notice, idle_expires_at, expires_at, last_ip, last_user_agent, claims`

/** The columns of `opened` and `origin`, as the domain's Family without its `at`. */
export const openedColumns = (sql: ISql): Fragment => sql`
  opened.id, opened.user_id, opened.client_id, opened.scope, opened.audience, origin.roles, opened.auth_time, opened.amr,
  opened.salt, opened.pepper_id, opened.token_digest, opened.generation, opened.idle_expires_at, opened.expires_at, opened.claims`
