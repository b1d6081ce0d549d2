import type { AuthenticateBearer, Bearer } from '../../flows/access/authenticate-bearer.ts'
import { awaitBody } from '../server/body.ts'
import type { Call, Handle, Reply } from '../server/route.ts'

type Act = (bearer: Bearer, call: Call) => Promise<Reply>

/** A request that an access token authenticates. The log names the person. */
export const withBearer =
  (authenticateBearer: AuthenticateBearer, act: Act): Handle =>
  async call => {
    if (call.context.req.method !== 'GET') await awaitBody(call)
    const bearer = await authenticateBearer(call.header('authorization'))
    return { ...(await act(bearer, call)), log: { sub: bearer.account.id } }
  }
