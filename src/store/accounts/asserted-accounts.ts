import type { AssertedAccounts } from '../../ports/accounts.ts'
import type { Database } from '../postgres/index.ts'
import { findNamed, isNamed, orNone } from './names.ts'

type Row = Readonly<{ id: string; credential_epoch: number; isDisabled: boolean; roles: readonly string[] }>

/** Each key leads to one account at most: a unique index sees to it, and on Citus the primary key of `account_names`. */
export const createAssertedAccounts = (database: Database): AssertedAccounts => ({
  find: async key => {
    const named = await findNamed(
      database,
      'external_id' in key
        ? { kind: 'external_id', value: key.external_id }
        : { kind: 'email', value: key.verified_email },
    )
    const rows = database.run(
      sql => sql<Row[]>`
        select u.id, u.credential_epoch, u.roles, u.disabled_at is not null as "isDisabled"
        from signet.users u
        where ${
          'external_id' in key
            ? sql`u.external_id = ${key.external_id}`
            : sql`u.email = ${key.verified_email} and u.email_verified_at is not null`
        } and ${isNamed(sql, sql`u.id`, named)}`,
    )
    const [account] = await orNone(named, rows)
    return account ?? null
  },
})
