import { digestOf, type Plain } from '../../domain/base/digest.ts'
import type { SpentAssertions } from '../../ports/clients.ts'
import type { Database } from '../postgres/index.ts'

export const createSpentAssertions = (database: Database): SpentAssertions => ({
  redeem: async ({ client_id, jti, expires_at }) => {
    const spent = await database.run(
      sql => sql`
        insert into signet.spent_assertions (client_id, jti_digest, expires_at)
        values (${client_id}, ${digestOf(jti as Plain<'jti'>)}, ${expires_at})
        on conflict do nothing
        returning client_id`,
    )
    return spent.length > 0
  },
})
