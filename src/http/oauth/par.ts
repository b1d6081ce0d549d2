import { parseForm } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { Push } from '../../flows/oauth/push-request.ts'
import { readFormText } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { json, NO_STORE, type Route } from '../server/route.ts'

/** RFC 9126 §2 – The pushed authorization request endpoint. */
export const parRoute = (pushRequest: Push, { clientLimitKey }: Pick<Csrf, 'clientLimitKey'>): Route => ({
  method: 'POST',
  path: '/par',
  cors: 'anyone',
  errors: 'oauth',
  handle: async call => {
    if (call.context.req.url.includes('?')) throw new OAuthError('parameter_in_query')
    const parameters = await readFormText(call)
    const { client_id, ...pushed } = await pushRequest({
      parameters,
      form: parseForm(parameters),
      proof: call.header('dpop'),
      authorization: call.header('authorization'),
      limit_key: clientLimitKey(call),
    })
    return { log: { client_id }, ...json(201, pushed, NO_STORE) }
  },
})
