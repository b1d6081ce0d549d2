import type { NewAuthorizationCode } from '../../domain/authorization/authorization-code.ts'
import type { AuthorizationCodes } from '../../ports/authorization.ts'
import type { Database } from '../postgres/index.ts'

type Row = Pick<NewAuthorizationCode, 'scope' | 'audience'>

/** What a code was issued for, before it is redeemed: whether it may be is judged by the redemption. */
export const createFindUnspentCode =
  (database: Database): AuthorizationCodes['findUnspent'] =>
  async ({ user_id, digest, client_id }) => {
    const [code] = await database.run(
      sql => sql<Row[]>`
        select scope, audience
        from signet.authorization_codes
        where user_id = ${user_id}
          and digest = ${digest}
          and client_id = ${client_id}
          and spent_at is null
          and expires_at > statement_timestamp()`,
    )
    return code ?? null
  }
