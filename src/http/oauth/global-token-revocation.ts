import type { AuthenticateAdmin } from '../../flows/access/authenticate-admin.ts'
import type { EndByIssuer } from '../../flows/revocations/end-by-issuer.ts'
import type { EndEverything } from '../../flows/revocations/end-everything.ts'
import { awaitBody, readJson } from '../server/body.ts'
import { tokenRequestOf } from '../server/request-source.ts'
import { NO_STORE, type Route } from '../server/route.ts'

type Needs = Readonly<{
  authenticateAdmin: AuthenticateAdmin
  endEverything: EndEverything
  endByIssuer: EndByIssuer
}>

/** draft-parecki-oauth-global-token-revocation §3 – Answers 204 when every sign-in and every token of the subject has been ended. */
export const globalTokenRevocationRoute = ({
  authenticateAdmin,
  endEverything,
  endByIssuer,
}: Needs): Route => ({
  method: 'POST',
  path: '/global-token-revocation',
  cors: 'none',
  errors: 'problem',
  handle: async call => {
    await awaitBody(call)
    const jwt = await endByIssuer.authenticate(call.header('authorization'))
    if (jwt !== null) {
      const ended = await endByIssuer.end(jwt, await readJson(call))
      return { status: 204, body: null, headers: NO_STORE, log: { ...ended, issuer: jwt.issuer.issuer } }
    }
    const { client_id } = await authenticateAdmin(tokenRequestOf(call))
    const ended = await endEverything(await readJson(call))
    return { status: 204, body: null, headers: NO_STORE, log: { client_id, ...ended } }
  },
})
