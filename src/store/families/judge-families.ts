import type { ISql } from 'postgres'
import { SHORT_GRACE_SECONDS } from '../../domain/oauth/client.ts'
import {
  COOKIE_GRACE_SECONDS,
  type Family,
  type Lifetimes,
  type Presentation,
  ROTATIONS_REMEMBERED,
} from '../../domain/sign-in/refresh-family.ts'
import {
  END_REASON_OF,
  parseRefreshVerdict,
  type Rotation,
  rotationOf,
} from '../../domain/sign-in/refresh-verdict.ts'
import { byteaText, type Database } from '../postgres/index.ts'
import { inTwoPhases, isPastDeadline } from '../schema/caller-forms.ts'
import { isFamily, toldColumns } from '../schema/family-predicates.ts'
import { endingOf, isSuspicious } from './suspicions.ts'

export type JudgedFamily = Readonly<{
  id: string
  /** Null when the statement ran too late: its caller has given up, or is about to, and the client may have retried. */
  rotation: Rotation | null
  /** True when the verdict ends the family or answers another address: it is not carried out unless the statement `ends`. */
  isSuspicious: boolean
}>

export type Aim = Readonly<{
  /** False: families whose rows another transaction holds are left out. */
  waits: boolean
  /** False: 'rotated' means that the token would have been rotated. Default true. */
  rotates?: boolean
  /** True: 'reused' and 'forged' end the family, and every suspicion is an event. Default false. */
  ends?: boolean
}>

/** The verdict of a statement that has outlasted its caller. */
const LATE = 'late'

type Row = Family & Readonly<{ verdict: string; last_ip: string | null; is_suspicious: boolean }>

/**
 * Judges presented refresh tokens, each of another family, and carries out the verdicts that are its aim, in one statement. Returns a row
 * for each family that exists. Two forms of the statement have the same verdicts: the inserts of an ending and of its events cost a third
 * of a rotation's time in Postgres even where they insert nothing, so that every token is judged without them first, and a suspicious one
 * is judged again by the statement that `ends`.
 *
 * A row is locked before it is judged, so that the second of two racing rotations judges the result of the first: under read committed, a
 * statement that waited for a lock continues with the newest version of the row. Every time is the database's. Lateness counts from
 * transaction_timestamp(), which the first message of the statement sets; later messages set statement_timestamp() anew, also after a wait
 * for the table. A statement that waited for the row can have begun before the rotation that it waited for, so that its time is before
 * rotated_at: a grace of 0 seconds therefore has its own condition.
 *
 * Two forms are for Citus. It refuses a function of the time in a CASE of an update, so that the time comes from the column `judged_at`. It
 * makes null of `case verdict when …` in an update, so that each CASE there has whole conditions.
 *
 * `superseded_at` has the times of the latest rotations, the latest first: its k-th entry is when generation - k was superseded. The row's
 * own list counts only while it begins with rotated_at: a server of the version before rotates without it. The account's row is not locked
 * and may be older than the family's: a family that a password change has just taken into the next epoch is ahead of the account and lives.
 */
export const createJudge =
  (database: Database, { idle_seconds, access_token_seconds }: Lifetimes) =>
  async (
    tokens: readonly Presentation[],
    { waits, rotates = true, ends = false }: Aim,
  ): Promise<readonly JudgedFamily[]> => {
    const contended = waits && tokens[0] ? (`family:${tokens[0].family_id}` as const) : undefined
    const rows = await database.run((sql, caller) => {
      const locking = waits ? sql`` : sql`skip locked`
      const { user_id, ...only } = nameOnly(sql, tokens)
      const phases = ends ? inTwoPhases(sql, caller) : sql``
      return sql<Row[]>`
        with ${phases} presented as materialized (
          select
            given.*, f.*, u.roles, u.disabled_at, u.credential_epoch as account_epoch,
            greatest(
              given.client_grace_seconds,
              case f.refresh_transport when 'cookie' then ${COOKIE_GRACE_SECONDS}::int else 0 end
            ) as grace_seconds,
            given.client_grace_seconds > ${SHORT_GRACE_SECONDS}::int as has_long_window,
            statement_timestamp() as judged_at,
            statement_timestamp() + make_interval(secs => ${idle_seconds}) as idle_until,
            case when f.rotation_times[1] = f.rotated_at then f.rotation_times else array[f.rotated_at] end as superseded_at
          from jsonb_to_recordset(${sql.json(tokens.map(rowOf))}) as given (
            presented_id uuid, presented_user_id uuid, presented_salt bytea, presented_generation bigint, presented_digest bytea,
            presented_client_id text, presented_sender_key text, presented_scope text[], presented_audience text[],
            presented_transport text, presented_retry_proof bytea, client_grace_seconds int,
            successor_pepper_id smallint, successor_digest bytea, presented_ip text, presented_user_agent text,
            presented_request_id text
          )
          cross join lateral (
            select *
            from signet.refresh_families f
            where f.id = presented_id
              and (presented_user_id is null or f.user_id = presented_user_id)
              ${only.family}
            for no key update ${locking}
          ) f
          join signet.users u on u.id = f.user_id ${only.account}
        ),
        judged as (
          select *, case
            when ${isPastDeadline(sql, caller)} then ${LATE}
            when salt <> presented_salt then 'wrong_salt'
            when revoked_at is not null then 'revoked'
            when expires_at <= statement_timestamp() then 'expired'
            when idle_expires_at <= statement_timestamp() then 'idle'
            when disabled_at is not null then 'account_disabled'
            when credential_epoch < account_epoch then 'epoch_passed'
            when client_id <> presented_client_id then 'wrong_client'
            when sender_key <> coalesce(presented_sender_key, '') then 'wrong_sender_key'
            when not presented_scope <@ string_to_array(scope, ' ') then 'scope_exceeded'
            when not presented_audience <@ audience then 'resource_exceeded'
            when presented_generation = generation and presented_digest = token_digest then
              case refresh_transport when presented_transport then 'rotated' else 'wrong_transport' end
            when presented_generation = generation - 1
              and presented_retry_proof = retry_proof and previous_retry_proof is distinct from retry_proof
            then
              case refresh_transport when presented_transport then 'replayed' else 'wrong_transport' end
            when presented_generation < generation
              and grace_seconds > 0
              and (has_long_window or presented_generation = generation - 1)
              and statement_timestamp()
                < superseded_at[(generation - presented_generation)::int] + make_interval(secs => grace_seconds)
            then
              case refresh_transport when presented_transport then 'replayed_within_grace' else 'wrong_transport' end
            when presented_generation < generation - cardinality(superseded_at)
              and has_long_window
              and statement_timestamp()
                < superseded_at[cardinality(superseded_at)] + make_interval(secs => grace_seconds)
            then 'too_old_to_tell'
            when presented_generation < generation then 'reused'
            else 'forged'
          end as verdict
          from presented
        ),
        changing as (
          select *, verdict = 'rotated' as is_rotated
          from judged
          where verdict = 'rotated' and ${rotates} or verdict in ('reused', 'forged') and ${ends}
        ),
        changed as (
          update signet.refresh_families f
          set generation = case when is_rotated then f.generation + 1 else f.generation end,
            token_digest = case when is_rotated then successor_digest else f.token_digest end,
            pepper_id = case when is_rotated then successor_pepper_id else f.pepper_id end,
            rotated_at = case when is_rotated then judged_at else f.rotated_at end,
            rotation_times = case
              when not is_rotated then f.rotation_times
              when has_long_window then array_prepend(
                judged_at,
                array(
                  select at
                  from unnest(superseded_at) with ordinality as known (at, place)
                  where at is not null and place < ${ROTATIONS_REMEMBERED}::int
                  order by place
                )
              )
            end,
            retry_proof = case when is_rotated then presented_retry_proof else f.retry_proof end,
            previous_retry_proof = case when is_rotated then f.retry_proof else f.previous_retry_proof end,
            idle_expires_at = case
              when is_rotated then least(idle_until, f.expires_at)
              else f.idle_expires_at
            end,
            last_ip = case when is_rotated then presented_ip else f.last_ip end,
            last_user_agent = case when is_rotated then presented_user_agent else f.last_user_agent end,
            revoked_at = case when not is_rotated then judged_at end,
            revoke_reason = case
              when verdict = 'reused' then ${END_REASON_OF.reused}
              when verdict = 'forged' then ${END_REASON_OF.forged}
            end
          from changing
          where f.user_id = changing.user_id
            and f.id = changing.id
            ${only.family}
          returning ${toldColumns(sql)}, f.generation, f.pepper_id, f.token_digest, f.idle_expires_at, f.revoked_at
        )
        ${ends ? sql`, ${endingOf(sql, caller, { user_id, rotates, access_token_seconds })}` : sql``}
        select
          judged.verdict, judged.id, judged.user_id, judged.client_id, judged.scope, judged.audience, judged.roles,
          judged.auth_time, judged.amr, judged.salt, judged.expires_at, judged.claims,
          coalesce(changed.pepper_id, judged.pepper_id) as pepper_id,
          coalesce(changed.token_digest, judged.token_digest) as token_digest,
          coalesce(changed.generation, judged.generation) as generation,
          coalesce(changed.idle_expires_at, judged.idle_expires_at) as idle_expires_at,
          judged.last_ip, ${isSuspicious(sql)} as is_suspicious, statement_timestamp() as at
        from judged
        left join changed on changed.id = judged.id`
    }, contended)
    return rows.map(toJudged)
  }

/**
 * Conditions that name the family and the account of a single token by parameters, and its person. Several tokens, and a token whose person is
 * not known, have none. With the values of the record alone, a plan may read every family of the person, and Citus does not find the node.
 */
const nameOnly = (sql: ISql, [first, ...others]: readonly Presentation[]) => {
  if (first === undefined || first.user_id === null || others.length > 0)
    return { family: sql``, account: sql``, user_id: null }
  const { user_id } = first
  return { family: sql`and ${isFamily(sql, first)}`, account: sql`and u.id = ${user_id}`, user_id }
}

const toJudged = ({ verdict, last_ip, is_suspicious, ...family }: Row): JudgedFamily => ({
  id: family.id,
  isSuspicious: is_suspicious,
  rotation: verdict === LATE ? null : rotationOf(parseRefreshVerdict(verdict), { family, last_ip }),
})

/** A row of jsonb_to_recordset. */
const rowOf = (token: Presentation) => ({
  presented_id: token.family_id,
  presented_user_id: token.user_id,
  presented_salt: byteaText(token.salt),
  presented_generation: token.generation,
  presented_digest: byteaText(token.digest),
  presented_client_id: token.client_id,
  presented_sender_key: token.sender_key,
  presented_scope: token.scope ?? [],
  presented_audience: token.resources,
  presented_transport: token.refresh_transport,
  presented_retry_proof: token.retry_proof && byteaText(token.retry_proof),
  client_grace_seconds: token.grace_seconds,
  successor_pepper_id: token.successor.pepper_id,
  successor_digest: byteaText(token.successor.digest),
  presented_ip: token.source.ip,
  presented_user_agent: token.source.user_agent,
  presented_request_id: token.source.request_id,
})
