import type { AuthorizeDevice } from '../../flows/oauth/device-authorization.ts'
import { readForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { requestSourceOf } from '../server/request-source.ts'
import { json, NO_STORE, type Route } from '../server/route.ts'

/** RFC 8628 §3.1 – The device authorization endpoint. */
export const deviceAuthorizationRoute = (
  authorizeDevice: AuthorizeDevice,
  { clientLimitKey }: Pick<Csrf, 'clientLimitKey'>,
): Route => ({
  method: 'POST',
  path: '/device_authorization',
  cors: 'anyone',
  errors: 'oauth',
  handle: async call => {
    const form = await readForm(call)
    const { client_id, codes } = await authorizeDevice({
      form,
      authorization: call.header('authorization'),
      limit_key: clientLimitKey(call),
      source: requestSourceOf(call),
    })
    return { log: { client_id }, ...json(200, codes, NO_STORE) }
  },
})
