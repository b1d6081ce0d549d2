import type { Fragment, ISql } from 'postgres'
import { type AdministeredAccount, LIVING_MOST } from '../../domain/account/administered-account.ts'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import { ADMIN_SCOPE, VIEWER_SCOPE } from '../../domain/oauth/scope.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { AccountSelection, AdministeredAccounts } from '../../ports/administration.ts'
import { deletePerson } from '../accounts/delete-person.ts'
import { endPerson } from '../accounts/end-person.ts'
import type { Database } from '../postgres/index.ts'
import { accountOfFamily, isLivingFamily } from '../schema/family-predicates.ts'
import { administeredColumns, createChangeAccount } from './change-account.ts'

export const createAdministeredAccounts = (
  database: Database,
  { access_token_seconds }: Pick<Lifetimes, 'access_token_seconds'>,
): AdministeredAccounts => ({
  list: ({ selection, after, limit }) =>
    database.run(
      sql => sql<AdministeredAccount[]>`
        select ${administeredColumns(sql)}
        from (
          select *
          from signet.users u
          ${pageOf(sql, selection, after)}
          limit ${sql.unsafe(String(PAGE_MOST))}
        ) u
        ${orderOf(sql, selection)}
        limit ${limit}`,
    ),

  find: async id => {
    const [account] = await database.run(
      sql => sql<AdministeredAccount[]>`
        select ${administeredColumns(sql)}
        from signet.users u
        where u.id = ${id}`,
    )
    return account ?? null
  },

  countLiving: async id => {
    const [counted] = await database.run(
      sql => sql<{ count: number }[]>`
        with newest as materialized (
          select *
          from signet.refresh_families
          where user_id = ${id}
          order by id desc
          limit ${KEPT_MOST}
        )
        select least(count(*), ${LIVING_MOST})::int as count
        from newest f
        join ${accountOfFamily(sql)}
        where ${isLivingFamily(sql)} and u.disabled_at is null`,
    )
    return counted?.count ?? 0
  },

  change: createChangeAccount(database),
  end: account => endPerson(database, { ...account, access_token_seconds }),
  delete: account => deletePerson(database, { ...account, credential_epoch: null, access_token_seconds }),
})

/** Sign-ins of one account that are looked at to count the living ones. */
const KEPT_MOST = 1_000

/** A literal, because a generic plan, which must serve any limit, would sort the whole table. */
const PAGE_MOST = 201

/** Sorts after every character of an address, which is ASCII. */
const AFTER_ADDRESSES = '\x7f'

/** The condition and the order of a page. The conditions are written as those of the indexes, which serve them. */
const pageOf = (sql: ISql, selection: AccountSelection, after: string | null): Fragment => {
  if (typeof selection === 'object') {
    const { email_prefix } = selection
    return sql`
      where u.email collate "C" >= ${email_prefix}
        and u.email collate "C" < ${email_prefix + AFTER_ADDRESSES}
        and u.email collate "C" > ${after ?? ''}
      ${orderOf(sql, selection)}`
  }
  return sql`
    where u.id > ${after ?? NIL_UUID}
      and ${conditionOf(sql, selection)}
    ${orderOf(sql, selection)}`
}

const orderOf = (sql: ISql, selection: AccountSelection): Fragment =>
  typeof selection === 'object' ? sql`order by u.email collate "C"` : sql`order by u.id`

const conditionOf = (sql: ISql, selection: Exclude<AccountSelection, object>): Fragment => {
  switch (selection) {
    case 'all':
      return sql`true`
    case 'disabled':
      return sql`u.disabled_at is not null`
    case 'administrators':
      return sql`${isAdministrative(sql)} and ${ADMIN_SCOPE}::text = any(u.roles)`
    case 'viewers':
      return sql`${isAdministrative(sql)} and ${VIEWER_SCOPE}::text = any(u.roles)`
  }
}

/** The condition of the index users_administrative_index, word for word. */
const isAdministrative = (sql: ISql): Fragment => sql`u.roles && '{signet:admin,signet:viewer}'::text[]`
