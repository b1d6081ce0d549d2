import { COOKIE_GRACE_SECONDS, type Family, type Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { LivingFamily, RefreshFamilies } from '../../ports/sign-ins.ts'
import { signInsEnded, writeEvents } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { accountOfFamily, isFamily, isLivingFamily, toldColumns } from '../schema/family-predicates.ts'
import { writeSignInEntries } from './feed-entries.ts'
import { createEndGrouped, createListGrouped } from './grouped-families.ts'
import { createOpenFamily } from './open-family.ts'
import { createFindOwner, createJudgeToken, createRotateFamily } from './rotate-family.ts'
import { createStepUpFamily } from './step-up-family.ts'

export const createRefreshFamilies = (database: Database, lifetimes: Lifetimes): RefreshFamilies => ({
  open: createOpenFamily(database, lifetimes),
  findOwner: createFindOwner(database),
  findLiving: createFindLiving(database),
  stepUp: createStepUpFamily(database, lifetimes),
  rotate: createRotateFamily(database, lifetimes),
  judge: createJudgeToken(database, lifetimes),
  end: createEnd(database, lifetimes),
  list: createListGrouped(database),
  endSignIn: createEndGrouped(database, lifetimes),
  findCurrent: createFindCurrent(database),
  findAnswered: createFindAnswered(database),
})

const createFindLiving =
  (database: Database): RefreshFamilies['findLiving'] =>
  async ({ salt, ...named }) => {
    const [family] = await database.run(
      sql => sql<LivingFamily[]>`
        select f.id, f.user_id, f.client_id, f.scope, f.audience, f.refresh_transport, u.roles
        from signet.refresh_families f
        join ${accountOfFamily(sql)}
        where ${isFamily(sql, named)}
          and f.salt = coalesce(${salt}::bytea, f.salt)
          and ${isLivingFamily(sql)}
          and u.disabled_at is null`,
    )
    return family ?? null
  }

const createEnd =
  (database: Database, { access_token_seconds }: Lifetimes): RefreshFamilies['end'] =>
  async ({ salt, client_id, reason, ...named }) => {
    const [family] = await database.run(
      (sql, { origin }) => sql<{ user_id: string; client_id: string; has_ended: boolean }[]>`
        with ended as (
          update signet.refresh_families f
          set revoked_at = statement_timestamp(), revoke_reason = ${reason}
          where ${isFamily(sql, named)}
            and f.revoked_at is null
            and f.salt = coalesce(${salt}::bytea, f.salt)
            and f.client_id = coalesce(${client_id}::text, f.client_id)
          returning ${toldColumns(sql)}
        ),
        ${writeSignInEntries(sql, access_token_seconds)},
        ${writeEvents(sql, origin, [signInsEnded(sql, reason)])}
        select f.user_id, f.client_id, exists (select from ended) as has_ended
        from signet.refresh_families f
        where ${isFamily(sql, named)}
          and f.salt = coalesce(${salt}::bytea, f.salt)
          and f.client_id = coalesce(${client_id}::text, f.client_id)`,
      `family:${named.family_id}`,
    )
    return family ?? null
  }

const createFindCurrent =
  (database: Database): RefreshFamilies['findCurrent'] =>
  async ({ digest, ...named }) => {
    const [family] = await database.run(
      sql => sql<Family[]>`
        select
          f.id, f.user_id, f.client_id, f.scope, f.audience, u.roles, f.auth_time, f.amr, f.salt, f.pepper_id,
          f.token_digest, f.generation, f.idle_expires_at, f.expires_at, f.claims, statement_timestamp() as at
        from signet.refresh_families f
        join ${accountOfFamily(sql)}
        where ${isFamily(sql, named)}
          and f.token_digest = ${digest}
          and ${isLivingFamily(sql)}
          and u.disabled_at is null`,
    )
    return family ?? null
  }

/** `rotate` judges by the same rule. */
const createFindAnswered =
  (database: Database): RefreshFamilies['findAnswered'] =>
  async ({ salt, generation, digest, ...named }) => {
    const [owner] = await database.run(
      sql => sql<{ user_id: string }[]>`
        select f.user_id
        from signet.refresh_families f
        join ${accountOfFamily(sql)}
        where ${isFamily(sql, named)}
          and f.salt = ${salt}
          and (
            f.token_digest = ${digest}
            or f.refresh_transport = 'cookie'
            and f.generation = ${generation}::bigint + 1
            and statement_timestamp() < f.rotated_at + make_interval(secs => ${COOKIE_GRACE_SECONDS})
          )
          and ${isLivingFamily(sql)}
          and u.disabled_at is null`,
    )
    return owner ?? null
  }
