import type { Fragment, ISql } from 'postgres'
import type { AccountLine } from '../../domain/account/account-line.ts'
import type { AccountName } from '../../domain/account/account-name.ts'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import { writeEventsOf } from '../events/write-events.ts'
import { type Database, UNIQUE_VIOLATION } from '../postgres/index.ts'
import { accountLineColumns, formerAccount } from '../schema/account-columns.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { accountOfFamily, isLivingFamily } from '../schema/family-predicates.ts'
import { deletePerson } from './delete-person.ts'
import { endPerson, rolesChanged } from './end-person.ts'
import { createImportBatch } from './import-batch.ts'
import { findNamed, giveNames, isNamed, orNone, orTaken, replaceExternalId } from './names.ts'
import { createListSignIns } from './sign-in-history.ts'

/** Accounts that one statement reads, whatever the filter: it delays no other statement, and its rows fit into memory. */
const PAGE_ROWS = 1000

export const createAccountAdministration = (
  database: Database,
  { access_token_seconds }: Pick<Lifetimes, 'access_token_seconds'>,
): AccountAdministration => ({
  find: createFindAccountLine(database),
  create: createCreate(database),
  readPage: createReadPage(database),
  listSignIns: createListSignIns(database),
  countSignIns: createCountSignIns(database),

  changeAndSignOut: async (id, change) => {
    const ended = await endPerson(database, { id, ...change, access_token_seconds })
    return ended && ended.families.length
  },

  enable: async account_id => {
    const enabled = await database.run(
      (sql, caller) => sql`
        with ${formerAccount(sql, account_id)},
        account as (
          update signet.users u
          set disabled_at = null
          from former
          where u.id = ${account_id} and u.id = former.id
          returning u.id
        ),
        ${writeEventsOf(sql, caller, account_id, [
          {
            kind: 'account.enabled',
            from: sql`account join former on former.disabled_at is not null`,
            user_id: sql`account.id`,
          },
        ])}
        select id from account`,
      `account:${account_id}`,
    )
    return enabled.length > 0
  },

  setRoles: async (account_id, roles) => {
    const changed = await database.run(
      (sql, caller) => sql`
        with ${formerAccount(sql, account_id)},
        account as (
          update signet.users u
          set roles = ${roles}::text[]
          from former
          where u.id = ${account_id} and u.id = former.id
          returning u.id, u.roles
        ),
        ${writeEventsOf(sql, caller, account_id, [rolesChanged(sql, sql`former`)])}
        select id from account`,
      `account:${account_id}`,
    )
    return changed.length > 0
  },

  setExternalId: createSetExternalId(database),

  delete: async id => {
    const ended = await deletePerson(database, { id, credential_epoch: null, access_token_seconds })
    return ended && ended.families.length
  },

  importBatch: createImportBatch(database),
})

const createFindAccountLine =
  (database: Database): AccountAdministration['find'] =>
  async account => {
    const name = nameOf(account)
    const named = name && (await findNamed(database, name))
    const rows = database.run(sql => {
      const condition =
        'id' in account
          ? sql`u.id = ${account.id}`
          : 'email' in account
            ? sql`u.email = ${account.email}`
            : sql`u.external_id = ${account.external_id}`
      return sql<AccountLine[]>`
        select ${accountLineColumns(sql)}
        from signet.users u
        where ${condition} and ${isNamed(sql, sql`u.id`, named)}`
    })
    const [found] = await orNone(named, rows)
    return found ?? null
  }

const nameOf = (account: Parameters<AccountAdministration['find']>[0]): AccountName | null => {
  if ('id' in account) return null
  return 'email' in account
    ? { kind: 'email', value: account.email }
    : { kind: 'external_id', value: account.external_id }
}

const createCreate =
  (database: Database): AccountAdministration['create'] =>
  async ({ id, email, password_digest, roles, email_verified, disabled, created_at, ...more }) => {
    const created = await orTaken(
      database.run(
        (sql, caller) => sql`
          with ${inTwoPhases(sql, caller)}
          ${giveNames(sql, caller, namesOf(sql, { id, email, external_id: more.external_id }))}
          account as (
            insert into signet.users (
              id, email, password_digest, roles, email_verified_at, disabled_at, created_at, external_id,
              name, given_name, family_name, preferred_username, picture, locale, zoneinfo
            )
            values (
              ${id}, ${email}, ${password_digest}, ${roles}::text[],
              case when ${email_verified}::boolean then statement_timestamp() end,
              case when ${disabled}::boolean then statement_timestamp() end,
              ${created_at}::text::timestamptz, ${more.external_id},
              ${more.name}, ${more.given_name}, ${more.family_name}, ${more.preferred_username}, ${more.picture},
              ${more.locale}, ${more.zoneinfo}
            )
            returning id
          ),
          ${writeEventsOf(sql, caller, id, [
            { kind: 'account.created', from: sql`account`, user_id: sql`account.id` },
          ])}
          select id from account`,
      ),
    )
    return created.length > 0
  }

/** The rows of `giveNames` for a new account. */
const namesOf = (
  sql: ISql,
  { id, email, external_id }: Pick<AccountLine, 'id' | 'email' | 'external_id'>,
): Fragment => sql`
  select *
  from (values ('email', ${email}::text, ${id}::uuid), ('external_id', ${external_id}::text, ${id}::uuid)) name (kind, value, user_id)
  where value is not null`

const createSetExternalId =
  (database: Database): AccountAdministration['setExternalId'] =>
  async (account_id, external_id) => {
    try {
      const changed = await replaceExternalId(
        database,
        account_id,
        (sql, caller) => sql`
          with ${inTwoPhases(sql, caller)}
          ${formerAccount(sql, account_id)},
          account as (
            update signet.users u
            set external_id = ${external_id}
            from former
            where u.id = ${account_id} and u.id = former.id
            returning u.id, u.external_id
          ),
          ${giveNames(sql, caller, sql`select 'external_id'::text, external_id, id from account where external_id is not null`)}
          ${writeEventsOf(sql, caller, account_id, [
            {
              kind: 'account.external_id_changed',
              from: sql`account join former on former.external_id is distinct from account.external_id`,
              user_id: sql`account.id`,
            },
          ])}
          select id from account`,
      )
      return changed.length > 0
    } catch (error) {
      if (errorCodeOf(error) === UNIQUE_VIOLATION) return 'taken'
      throw error
    }
  }

const createReadPage =
  (database: Database): AccountAdministration['readPage'] =>
  async (after, { role, disabled, email_prefix }) => {
    const rows = await database.run(
      sql => sql<(AccountLine & { last: string | null })[]>`
        with page as materialized (
          select *
          from signet.users
          where id > ${after ?? NIL_UUID}
          order by id
          limit ${PAGE_ROWS}
        ),
        matching as (
          select *
          from page
          where (${role}::text is null or ${role}::text = any(roles))
            and (${disabled}::boolean is null or ${disabled}::boolean = (disabled_at is not null))
            and (${email_prefix}::text is null or starts_with(email, ${email_prefix}::text))
        )
        select (select id from page order by id desc limit 1) as last, ${accountLineColumns(sql)}
        from (values (1)) one
        left join matching u on true
        order by u.id`,
    )
    const accounts = rows.flatMap(({ last: _, ...account }) => (account.id === null ? [] : [account]))
    return { accounts, last: rows[0]?.last ?? null }
  }

const createCountSignIns =
  (database: Database): AccountAdministration['countSignIns'] =>
  async account_id => {
    const [counted] = await database.run(
      sql => sql<{ count: number }[]>`
        select count(*)::int as count
        from signet.refresh_families f
        join ${accountOfFamily(sql)}
        where f.user_id = ${account_id}
          and ${isLivingFamily(sql)}`,
    )
    return counted?.count ?? 0
  }
