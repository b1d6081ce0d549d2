import type { AuthenticateAdmin } from '../../flows/access/authenticate-admin.ts'
import type { EndEverything } from '../../flows/revocations/end-everything.ts'
import { awaitBody, readJson } from '../server/body.ts'
import { tokenRequestOf } from '../server/request-source.ts'
import { NO_STORE, type Route } from '../server/route.ts'

type Needs = Readonly<{ authenticateAdmin: AuthenticateAdmin; endEverything: EndEverything }>

/** draft-parecki-oauth-global-token-revocation §3 – Answers 204 when every sign-in and every token of the subject has been ended. */
export const globalTokenRevocationRoute = ({ authenticateAdmin, endEverything }: Needs): Route => ({
  method: 'POST',
  path: '/global-token-revocation',
  cors: 'none',
  errors: 'problem',
  handle: async call => {
    await awaitBody(call)
    const { client_id } = await authenticateAdmin(tokenRequestOf(call))
    const ended = await endEverything(await readJson(call))
    return { status: 204, body: null, headers: NO_STORE, log: { client_id, ...ended } }
  },
})
