import { COOKIE_GRACE_SECONDS, type Family, type NamedFamily } from '../../domain/sign-in/refresh-family.ts'
import type { LivingFamily, RefreshFamilies } from '../../ports/sign-ins.ts'
import type { Database } from '../postgres/index.ts'
import { accountOfFamily, isFamily, isLivingFamily } from '../schema/family-predicates.ts'

export const createFindOwner =
  (database: Database): RefreshFamilies['findOwner'] =>
  async named => {
    const [owner] = await database.run(
      sql => sql<Pick<Family, 'user_id' | 'client_id'>[]>`
        select f.user_id, f.client_id from signet.refresh_families f where ${isFamily(sql, named)}`,
    )
    return owner ?? null
  }

/**
 * On a distributed database, the person of a token that names none is looked up, so that the statement that follows names the person. Null:
 * the family is unknown.
 */
export const createNameOwner = (database: Database) => {
  const findOwner = createFindOwner(database)
  return async <T extends NamedFamily>(named: T): Promise<T | null> => {
    if (named.user_id !== null || !database.isDistributed()) return named
    const owner = await findOwner(named)
    return owner && { ...named, user_id: owner.user_id }
  }
}

export const createFindLiving =
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

export const createFindCurrent =
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
export const createFindAnswered =
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
