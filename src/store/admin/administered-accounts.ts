import type { Fragment, ISql } from 'postgres'
import type { AdministeredAccount } from '../../domain/account/administered-account.ts'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import { ADMIN_SCOPE, VIEWER_SCOPE } from '../../domain/oauth/scope.ts'
import type { AccountSelection, AdministeredAccounts } from '../../ports/administration.ts'
import type { Database } from '../postgres/index.ts'
import { accountVersion } from './account-version.ts'

export const createAdministeredAccounts = (database: Database): AdministeredAccounts => ({
  list: ({ selection, after, limit }) =>
    database.run(
      sql => sql<AdministeredAccount[]>`
        select ${administeredColumns(sql)}
        from signet.users u
        ${pageOf(sql, selection, after)}
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
})

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
      order by u.email collate "C"`
  }
  return sql`
    where u.id > ${after ?? NIL_UUID}
      and ${conditionOf(sql, selection)}
    order by u.id`
}

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

const administeredColumns = (sql: ISql): Fragment => sql`
  u.id, u.email, u.roles, u.created_at, u.disabled_at, u.email_verified_at, u.external_id,
  u.password_digest is not null as has_password, u.name, u.given_name, u.family_name, u.preferred_username, u.picture,
  u.locale, u.zoneinfo, ${accountVersion(sql)} as version`
