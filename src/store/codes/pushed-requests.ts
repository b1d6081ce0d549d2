import { PUSHED_REQUEST_SECONDS, type PushedRequest } from '../../domain/authorization/pushed-request.ts'
import type { PushedRequests } from '../../ports/authorization.ts'
import type { Database } from '../postgres/index.ts'

/** RFC 9126 – What clients have pushed. `issue-code.ts` deletes what a code has answered. */
export const createPushedRequests = (database: Database): PushedRequests => ({
  push: async ({ digest, client_id, parameters }) => {
    await database.run(
      sql => sql`
        insert into signet.pushed_requests (digest, client_id, parameters, expires_at)
        values (
          ${digest}, ${client_id}, ${parameters},
          statement_timestamp() + make_interval(secs => ${PUSHED_REQUEST_SECONDS})
        )`,
    )
  },

  find: async ({ digest, client_id }) => {
    const [request] = await database.run(
      sql => sql<Pick<PushedRequest, 'parameters'>[]>`
        select parameters
        from signet.pushed_requests
        where digest = ${digest} and client_id = ${client_id} and expires_at > statement_timestamp()`,
    )
    return request === undefined ? null : { digest, client_id, parameters: request.parameters }
  },
})
