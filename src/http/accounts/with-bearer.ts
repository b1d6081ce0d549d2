import { aboutSignIn } from '../../domain/base/log-fields.ts'
import type { AuthenticateBearer, Bearer } from '../../flows/access/authenticate-bearer.ts'
import { awaitBody } from '../server/body.ts'
import { catchingProblems } from '../server/refusal.ts'
import { tokenRequestOf } from '../server/request-source.ts'
import type { Call, Handle, Reply } from '../server/route.ts'

type Act = (bearer: Bearer, call: Call) => Promise<Reply>

/** A request that an access token authenticates. Its line in the log names the sign-in, also where the request is refused. */
export const withBearer =
  (authenticateBearer: AuthenticateBearer, act: Act): Handle =>
  async call => {
    if (call.context.req.method !== 'GET') await awaitBody(call)
    const { request_id } = call
    const bearer = await authenticateBearer({ ...tokenRequestOf(call), request_id })
    const reply = await catchingProblems(each => act(bearer, each))(call)
    return { ...reply, log: { ...reply.log, ...aboutSignIn(bearer.claims) } }
  }
