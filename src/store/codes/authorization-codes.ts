import { CODE_FAILURES_AT_MOST } from '../../domain/authorization/authorization-code.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { AuthorizationCodes } from '../../ports/authorization.ts'
import type { Database } from '../postgres/index.ts'
import { createIssueCode } from './issue-code.ts'
import { createRedeemCode } from './redeem-code.ts'

export const createAuthorizationCodes = (database: Database, lifetimes: Lifetimes): AuthorizationCodes => ({
  issue: createIssueCode(database),
  redeem: createRedeemCode(database, lifetimes),

  findUnspent: async ({ user_id, digest, client_id }) => {
    const [code] = await database.run(
      sql => sql<{ scope: string; audience: string[] }[]>`
        select scope, audience
        from signet.authorization_codes
        where user_id = ${user_id}
          and digest = ${digest}
          and client_id = ${client_id}
          and spent_at is null
          and failures < ${CODE_FAILURES_AT_MOST}
          and expires_at > statement_timestamp()`,
    )
    return code ?? null
  },
})
