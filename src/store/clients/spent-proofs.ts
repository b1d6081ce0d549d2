import type { SpentProofs } from '../../ports/clients.ts'
import type { Database } from '../postgres/index.ts'

export const createSpentProofs = (database: Database): SpentProofs => ({
  redeem: async ({ digest, expires_at }) => {
    const spent = await database.run(
      sql => sql`
        insert into signet.spent_proofs (digest, expires_at)
        values (${digest}, ${expires_at})
        on conflict do nothing
        returning digest`,
    )
    return spent.length > 0
  },
})
