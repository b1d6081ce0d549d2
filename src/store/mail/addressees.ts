import type { Addressee } from '../../domain/account/mail.ts'
import type { Addressees } from '../../ports/mail.ts'
import type { Database } from '../postgres/index.ts'
import { isFamily } from '../schema/family-predicates.ts'

export const createAddressees = (database: Database): Addressees => ({
  findByFamily: async family => {
    const [addressee] = await database.run(
      sql => sql<Addressee[]>`
        select u.id as account_id, u.email, u.language
        from signet.refresh_families f
        join signet.users u on u.id = f.user_id
        where ${isFamily(sql, family)} and u.disabled_at is null`,
    )
    return addressee ?? null
  },

  findByAccount: async account_id => {
    const [addressee] = await database.run(
      sql => sql<Addressee[]>`
        select id as account_id, email, language
        from signet.users
        where id = ${account_id} and disabled_at is null`,
    )
    return addressee ?? null
  },

  rememberLanguage: async ({ id, language }) => {
    await database.run(
      sql => sql`
        update signet.users
        set language = ${language}
        where id = ${id} and language is distinct from ${language}`,
      `account:${id}`,
    )
  },
})
