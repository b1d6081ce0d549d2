import type { Family, Lifetimes, NewFamily } from '../../domain/sign-in/refresh-family.ts'
import type { SignIn } from '../../domain/sign-in/sign-in.ts'
import type { LivingFamily, RefreshFamilies } from '../../ports/sign-ins.ts'
import type { Database } from '../postgres/database.ts'
import { createPresent } from './present-token.ts'
import { createRotateFamily } from './rotate-family.ts'
import { createStepUpFamily } from './step-up-family.ts'

export const createRefreshFamilies = (database: Database, lifetimes: Lifetimes): RefreshFamilies => ({
  open: createOpen(database, lifetimes),
  findOwner: createFindOwner(database),
  findLiving: createFindLiving(database),
  stepUp: createStepUpFamily(database, lifetimes),
  rotate: createRotateFamily(database, lifetimes),
  present: createPresent(database, lifetimes),
  end: createEnd(database, lifetimes),
  list: createList(database),
  findCurrent: createFindCurrent(database),
})

/**
 * Ours: the account's row is held while the family is inserted. A password change under way is waited for and then seen, so
 * that a sign-in whose password was checked before the change gets no family after it. One at a client that was ended in this very
 * second counts from the next: what ends the client's tokens up to a second must not end one that was made after that.
 */
const createOpen =
  (database: Database, { idle_seconds, max_seconds }: Lifetimes): RefreshFamilies['open'] =>
  async (family: NewFamily) => {
    const [opened] = await database.run(
      sql => sql<Family[]>`
        with account as (
          select id, roles
          from signet.users
          where id = ${family.user_id} and credential_epoch = ${family.credential_epoch} and disabled_at is null
          for share
        ),
        opened as (
          insert into signet.refresh_families (
            id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
            refresh_transport, idle_expires_at, expires_at, last_ip, last_user_agent
          )
          select
            ${family.id}, id, ${family.credential_epoch}, ${family.client_id}, ${family.scope}, ${family.audience}::text[],
            statement_timestamp(), ${family.amr}::text[], ${family.salt}, ${family.pepper_id}, ${family.token_digest},
            ${family.refresh_transport},
            statement_timestamp() + make_interval(secs => ${Math.min(idle_seconds, max_seconds)}),
            statement_timestamp() + make_interval(secs => ${max_seconds}),
            ${family.source.ip}, ${family.source.user_agent}
          from account
          returning *
        )
        select
          opened.id, user_id, client_id, scope, audience, account.roles, auth_time, amr, salt, pepper_id, generation,
          idle_expires_at, expires_at,
          greatest(
            statement_timestamp(),
            (
              select issued_until + interval '1 second'
              from signet.revocations
              where kind = 'client_id' and value = ${family.client_id}
            )
          ) as at
        from opened, account`,
    )
    return opened ?? null
  }

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
        select f.id, f.user_id, f.client_id, f.scope, f.audience, f.refresh_transport
        from signet.refresh_families f
        join signet.users u on u.id = f.user_id and u.credential_epoch = f.credential_epoch
        where f.id = ${family_id}
          and f.salt = coalesce(${salt}::bytea, f.salt)
          and f.revoked_at is null
          and least(f.idle_expires_at, f.expires_at) > statement_timestamp()
          and u.disabled_at is null`,
    )
    return family ?? null
  }

const createEnd =
  (database: Database, { access_token_seconds }: Lifetimes): RefreshFamilies['end'] =>
  async ({ id, salt, client_id, user_id = null, reason }) => {
    const ended = await database.run(
      sql => sql`
        with ended as (
          update signet.refresh_families
          set revoked_at = statement_timestamp(), revoke_reason = ${reason}
          where id = ${id}
            and revoked_at is null
            and salt = coalesce(${salt}::bytea, salt)
            and client_id = coalesce(${client_id}::text, client_id)
            and user_id = coalesce(${user_id}::uuid, user_id)
          returning id
        ),
        announced as (
          insert into signet.revocations (kind, value, expires_at)
          select 'sid', id::text, statement_timestamp() + make_interval(secs => ${access_token_seconds})
          from ended
          on conflict do nothing
        )
        select id from ended`,
    )
    return ended.length > 0
  }

const createList =
  (database: Database): RefreshFamilies['list'] =>
  account_id =>
    database.run(
      sql => sql<SignIn[]>`
        select
          f.id, f.created_at, coalesce(f.rotated_at, f.created_at) as last_used_at, f.last_ip, f.last_user_agent
        from signet.refresh_families f
        join signet.users u on u.id = f.user_id and u.credential_epoch = f.credential_epoch
        where f.user_id = ${account_id}
          and f.revoked_at is null
          and least(f.idle_expires_at, f.expires_at) > statement_timestamp()
        order by last_used_at desc, f.id desc`,
    )

const createFindCurrent =
  (database: Database): RefreshFamilies['findCurrent'] =>
  async ({ family_id, digest }) => {
    const [family] = await database.run(
      sql => sql<Family[]>`
        select
          f.id, f.user_id, f.client_id, f.scope, f.audience, u.roles, f.auth_time, f.amr, f.salt, f.pepper_id,
          f.generation, f.idle_expires_at, f.expires_at, statement_timestamp() as at
        from signet.refresh_families f
        join signet.users u on u.id = f.user_id and u.credential_epoch = f.credential_epoch
        where f.id = ${family_id}
          and f.token_digest = ${digest}
          and f.revoked_at is null
          and least(f.idle_expires_at, f.expires_at) > statement_timestamp()
          and u.disabled_at is null`,
    )
    return family ?? null
  }
