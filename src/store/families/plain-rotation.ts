import type { ISql } from 'postgres'
import { SHORT_GRACE_SECONDS } from '../../domain/oauth/client.ts'
import {
  type Family,
  type Lifetimes,
  type Presentation,
  ROTATIONS_REMEMBERED,
} from '../../domain/sign-in/refresh-family.ts'
import { rotationOf } from '../../domain/sign-in/refresh-verdict.ts'
import type { Database } from '../postgres/index.ts'
import { wasLate } from '../schema/caller-forms.ts'
import type { JudgedFamily } from './judge-families.ts'

/**
 * Ours (docs/decisions/0070) – Rotates a token whose verdict is 'rotated', on a distributed database. Undefined: nothing
 * was changed, and the verdict is that of judge-families.ts. Citus writes and plans a statement anew for each request, so that this one has as
 * few parts as a rotation needs. The conditions and the columns are those of the branch 'rotated' there.
 *
 * `free` takes the row's lock, or leaves out a family that another transaction holds: the statement waits for no row, so that it is not late
 * once it has begun. A row that was changed before the lock is compared anew by the update. The account's row may be older, as in the
 * judging statement. Citus computes statement_timestamp() once, on the coordinator, and refuses it where a result is returned: `rotated_at`
 * has it.
 */
export const createPlainRotation =
  (database: Database, { idle_seconds }: Pick<Lifetimes, 'idle_seconds'>) =>
  async (token: Presentation & Readonly<{ user_id: string }>): Promise<JudgedFamily | undefined> => {
    const { family_id, user_id, successor, source } = token
    const [family] = await database.run(
      (sql, caller) => sql<Family[]>`
        update signet.refresh_families f
        set generation = f.generation + 1,
          token_digest = ${successor.digest},
          pepper_id = ${successor.pepper_id},
          rotated_at = statement_timestamp(),
          rotation_times = ${rotationTimes(sql, token)},
          retry_proof = ${token.retry_proof},
          previous_retry_proof = f.retry_proof,
          idle_expires_at = least(statement_timestamp() + make_interval(secs => ${idle_seconds}), f.expires_at),
          last_ip = ${source.ip},
          last_user_agent = ${source.user_agent}
        from signet.users u, (
          select held.id
          from signet.refresh_families held
          where held.user_id = ${user_id} and held.id = ${family_id}
          for no key update skip locked
        ) free
        where u.id = ${user_id}
          and f.user_id = ${user_id}
          and f.id = ${family_id}
          and f.id = free.id
          and not ${wasLate(sql, caller)}
          and f.salt = ${token.salt}
          and f.revoked_at is null
          and f.expires_at > statement_timestamp()
          and f.idle_expires_at > statement_timestamp()
          and u.disabled_at is null
          and f.credential_epoch >= u.credential_epoch
          and f.client_id = ${token.client_id}
          and (f.sender_key is null or f.sender_key = ${token.sender_key ?? ''})
          and ${token.scope ?? []}::text[] <@ string_to_array(f.scope, ' ')
          and ${token.resources}::text[] <@ f.audience
          and f.generation = ${token.generation}::bigint
          and f.token_digest = ${token.digest}
          and f.refresh_transport = ${token.refresh_transport}
        returning
          f.id, f.user_id, f.client_id, f.scope, f.audience, u.roles, f.auth_time, f.amr, f.salt, f.pepper_id, f.token_digest,
          f.generation, f.idle_expires_at, f.expires_at, f.claims, f.rotated_at as at`,
    )
    return (
      family && {
        id: family.id,
        rotation: rotationOf('rotated', { family, last_ip: null }),
        isSuspicious: false,
      }
    )
  }

/** The times of the latest rotations, this one first, for a client with a long window; null for the others. */
const rotationTimes = (sql: ISql, { grace_seconds }: Presentation) =>
  grace_seconds > SHORT_GRACE_SECONDS
    ? sql`
        array_prepend(
          statement_timestamp(),
          array_remove(
            (case when f.rotation_times[1] = f.rotated_at then f.rotation_times else array[f.rotated_at] end)
              [:${ROTATIONS_REMEMBERED - 1}::int],
            null
          )
        )`
    : sql`null`
