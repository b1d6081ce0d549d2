import type { AssertedAccounts } from '../../ports/accounts.ts'
import type { Database } from '../postgres/index.ts'

type Row = Readonly<{ id: string; credential_epoch: number; isDisabled: boolean; roles: readonly string[] }>

/** Each key has its own index, and names one account at most. */
export const createAssertedAccounts = (database: Database): AssertedAccounts => ({
  find: async key => {
    const [account] = await database.run(
      sql => sql<Row[]>`
        select u.id, u.credential_epoch, u.roles, u.disabled_at is not null as "isDisabled"
        from signet.users u
        where ${
          'external_id' in key
            ? sql`u.external_id = ${key.external_id}`
            : sql`u.email = ${key.verified_email} and u.email_verified_at is not null`
        }`,
    )
    return account ?? null
  },
})
