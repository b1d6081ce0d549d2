import { COOKIE_GRACE_SECONDS, type Family, type Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { LivingFamily, RefreshFamilies } from '../../ports/sign-ins.ts'
import { signInsEnded, writeEvents } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { accountOfFamily, isLivingFamily } from '../schema/family-predicates.ts'
import { writeSignInEntries } from './feed-entries.ts'
import { createEndGrouped, createListGrouped } from './grouped-families.ts'
import { createOpenFamily } from './open-family.ts'
import { createJudgeToken, createRotateFamily } from './rotate-family.ts'
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

const createFindOwner =
  (database: Database): RefreshFamilies['findOwner'] =>
  async family_id => {
    const [owner] = await database.run(
      sql => sql<Pick<Family, 'user_id' | 'client_id' | 'audience'>[]>`
        select user_id, client_id, audience from signet.refresh_families where id = ${family_id}`,
    )
    return owner ?? null
  }

const createFindLiving =
  (database: Database): RefreshFamilies['findLiving'] =>
  async ({ family_id, salt }) => {
    const [family] = await database.run(
      sql => sql<LivingFamily[]>`
        select f.id, f.user_id, f.client_id, f.scope, f.audience, f.refresh_transport, u.roles
        from signet.refresh_families f
        join ${accountOfFamily(sql)}
        where f.id = ${family_id}
          and f.salt = coalesce(${salt}::bytea, f.salt)
          and ${isLivingFamily(sql)}
          and u.disabled_at is null`,
    )
    return family ?? null
  }

const createEnd =
  (database: Database, { access_token_seconds }: Lifetimes): RefreshFamilies['end'] =>
  async ({ id, salt, client_id, reason }) => {
    const [family] = await database.run(
      (sql, { origin }) => sql<{ user_id: string; client_id: string; has_ended: boolean }[]>`
        with ended as (
          update signet.refresh_families
          set revoked_at = statement_timestamp(), revoke_reason = ${reason}
          where id = ${id}
            and revoked_at is null
            and salt = coalesce(${salt}::bytea, salt)
            and client_id = coalesce(${client_id}::text, client_id)
          returning id
        ),
        ${writeSignInEntries(sql, access_token_seconds)},
        ${writeEvents(sql, origin, [signInsEnded(sql, reason)])}
        select user_id, client_id, exists (select from ended) as has_ended
        from signet.refresh_families
        where id = ${id}
          and salt = coalesce(${salt}::bytea, salt)
          and client_id = coalesce(${client_id}::text, client_id)`,
      `family:${id}`,
    )
    return family ?? null
  }

const createFindCurrent =
  (database: Database): RefreshFamilies['findCurrent'] =>
  async ({ family_id, digest }) => {
    const [family] = await database.run(
      sql => sql<Family[]>`
        select
          f.id, f.user_id, f.client_id, f.scope, f.audience, u.roles, f.auth_time, f.amr, f.salt, f.pepper_id,
          f.generation, f.idle_expires_at, f.expires_at, f.claims, statement_timestamp() as at
        from signet.refresh_families f
        join ${accountOfFamily(sql)}
        where f.id = ${family_id}
          and f.token_digest = ${digest}
          and ${isLivingFamily(sql)}
          and u.disabled_at is null`,
    )
    return family ?? null
  }

/** `rotate` judges by the same rule. */
const createFindAnswered =
  (database: Database): RefreshFamilies['findAnswered'] =>
  async ({ family_id, salt, generation, digest }) => {
    const [owner] = await database.run(
      sql => sql<{ user_id: string }[]>`
        select f.user_id
        from signet.refresh_families f
        join ${accountOfFamily(sql)}
        where f.id = ${family_id}
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
