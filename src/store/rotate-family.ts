import type { Denial, Family, Lifetimes, Presentation, Rotation } from '../domain/refresh-family.ts'
import type { Database } from './database.ts'

/** Seconds in which the tabs of one browser, which share a cookie and cannot help racing, get the same successor. */
const COOKIE_GRACE_SECONDS = 10

type Row = Family & { verdict: Denial | Exclude<Rotation['verdict'], 'denied'> }

/**
 * Judges a presented refresh token and does what the verdict says: one statement, one round trip, one row.
 * The row is locked before it is judged, so that the second of two racing redemptions judges what the first one left behind:
 * under read committed, a statement that waited for a lock goes on with the newest version of the row.
 * Every time in it is the database's. A statement that waited for the row can have begun before the rotation that it waited
 * for: no window means none, not one that ends where rotated_at is.
 * The account's row is not locked, and may be an older one than the family's: a family that a password change has just carried into
 * the next epoch is ahead of it, and lives.
 */
export const createRotate =
  (database: Database, { idle_seconds, access_token_seconds }: Lifetimes) =>
  async (token: Presentation): Promise<Rotation> => {
    const { family_id, salt, generation, digest, client_id, sender_key, retry_proof, successor, origin } =
      token
    const { refresh_transport } = token
    const [row] = await database.run(
      sql => sql<Row[]>`
        with presented as materialized (
          select
            f.*, u.roles, u.disabled_at, u.credential_epoch as account_epoch,
            greatest(
              ${token.grace_seconds}::integer,
              case f.refresh_transport when 'cookie' then ${COOKIE_GRACE_SECONDS}::integer else 0 end
            ) as grace_seconds
          from refresh_families f
          join users u on u.id = f.user_id
          where f.id = ${family_id}
          for no key update of f
        ),
        judged as (
          select *, case
            when salt <> ${salt} then 'wrong_salt'
            when revoked_at is not null then 'revoked'
            when expires_at <= statement_timestamp() then 'expired'
            when idle_expires_at <= statement_timestamp() then 'idle'
            when disabled_at is not null then 'account_disabled'
            when credential_epoch < account_epoch then 'epoch_passed'
            when client_id <> ${client_id} then 'wrong_client'
            when sender_key is distinct from ${sender_key}::text then 'wrong_sender_key'
            when not ${token.scope ?? []}::text[] <@ string_to_array(scope, ' ') then 'scope_exceeded'
            when not ${token.resources}::text[] <@ audience then 'resource_exceeded'
            when ${generation}::bigint = generation and token_digest = ${digest} then
              case refresh_transport when ${refresh_transport} then 'rotated' else 'wrong_transport' end
            when ${generation}::bigint = generation - 1 and (
              retry_proof = ${retry_proof}::bytea and previous_retry_proof is distinct from retry_proof
              or grace_seconds > 0 and statement_timestamp() < rotated_at + make_interval(secs => grace_seconds)
            ) then
              case refresh_transport when ${refresh_transport} then 'replayed' else 'wrong_transport' end
            when ${generation}::bigint < generation then 'reused'
            else 'forged'
          end as verdict
          from presented
        ),
        rotated as (
          update refresh_families f
          set generation = f.generation + 1,
            token_digest = ${successor.digest},
            pepper_id = ${successor.pepper_id},
            rotated_at = statement_timestamp(),
            retry_proof = ${retry_proof}::bytea,
            previous_retry_proof = f.retry_proof,
            idle_expires_at = least(statement_timestamp() + make_interval(secs => ${idle_seconds}), f.expires_at),
            last_ip = ${origin.ip},
            last_user_agent = ${origin.user_agent}
          from judged
          where f.id = judged.id and judged.verdict = 'rotated'
          returning f.generation, f.pepper_id, f.idle_expires_at
        ),
        ended as (
          update refresh_families f
          set revoked_at = statement_timestamp(),
            revoke_reason = case judged.verdict when 'reused' then 'reuse' else 'forged' end
          from judged
          where f.id = judged.id and judged.verdict in ('reused', 'forged')
          returning f.id
        ),
        announced as (
          insert into revocations (kind, value, expires_at)
          select 'sid', id::text, statement_timestamp() + make_interval(secs => ${access_token_seconds})
          from ended
          on conflict do nothing
        )
        select
          judged.verdict, judged.id, judged.user_id, judged.client_id, judged.scope, judged.audience, judged.roles,
          judged.auth_time, judged.amr, judged.salt, judged.expires_at,
          coalesce(rotated.pepper_id, judged.pepper_id) as pepper_id,
          coalesce(rotated.generation, judged.generation) as generation,
          coalesce(rotated.idle_expires_at, judged.idle_expires_at) as idle_expires_at,
          statement_timestamp() as at
        from judged
        left join rotated on true`,
    )
    return row === undefined ? { verdict: 'denied', denial: 'unknown_family' } : toRotation(row)
  }

const toRotation = ({ verdict, ...family }: Row): Rotation => {
  switch (verdict) {
    case 'rotated':
    case 'replayed':
      return { verdict, family }
    case 'scope_exceeded':
    case 'resource_exceeded':
    case 'reused':
    case 'forged':
      return { verdict }
    case 'unknown_family':
    case 'wrong_salt':
    case 'revoked':
    case 'idle':
    case 'expired':
    case 'epoch_passed':
    case 'account_disabled':
    case 'wrong_client':
    case 'wrong_sender_key':
    case 'wrong_transport':
      return { verdict: 'denied', denial: verdict }
  }
}
