import type { Account } from '../domain/account.ts'
import type { Revocations } from '../ports.ts'
import { accountColumns } from './account-columns.ts'
import type { Database } from './database.ts'

export const createRevocations = (database: Database): Revocations => ({
  revokeAccessToken: async ({ jti, expires_at }) => {
    await database.run(
      sql => sql`
        insert into revocations (kind, value, expires_at)
        values ('jti', ${jti}, ${expires_at})
        on conflict do nothing`,
    )
  },

  isLive: async ({ jti, sid, sub, client_id, iat }) => {
    const [token] = await database.run(
      sql => sql<{ is_live: boolean }[]>`
        select
          not exists (
            select from revocations
            where (kind, value) in (('jti', ${jti}), ('sub', ${sub}), ('client_id', ${client_id}))
              and (issued_until is null or issued_until >= to_timestamp(${iat}))
          )
          and (
            ${sid ?? null}::uuid is null
            or exists (
              select from refresh_families f
              join users u on u.id = f.user_id and u.credential_epoch = f.credential_epoch
              where f.id = ${sid ?? null} and f.revoked_at is null and u.disabled_at is null
            )
          ) as is_live`,
    )
    return token?.is_live === true
  },

  findAccount: async ({ jti, sid, sub, client_id, iat }) => {
    if (sid === undefined) return null
    const [account] = await database.run(
      sql => sql<Account[]>`
        select ${accountColumns(sql)}
        from refresh_families f
        join users u on u.id = f.user_id and u.credential_epoch = f.credential_epoch
        where f.id = ${sid}
          and f.revoked_at is null
          and u.disabled_at is null
          and not exists (
            select from revocations
            where (kind, value) in (('jti', ${jti}), ('sub', ${sub}), ('client_id', ${client_id}))
              and (issued_until is null or issued_until >= to_timestamp(${iat}))
          )`,
    )
    return account ?? null
  },
})
