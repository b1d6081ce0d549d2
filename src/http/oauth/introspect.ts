import type { createIntrospect } from '../../flows/oauth/introspect.ts'
import { readForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { json, NO_STORE, type Route } from '../server/route.ts'

/** RFC 7662 §2 – The introspection endpoint. */
export const introspectRoute = (
  introspect: ReturnType<typeof createIntrospect>,
  { clientLimitKey }: Pick<Csrf, 'clientLimitKey'>,
): Route => ({
  method: 'POST',
  path: '/introspect',
  cors: 'none',
  errors: 'oauth',
  handle: async call => {
    const form = await readForm(call)
    const { client_id, introspection } = await introspect({
      form,
      authorization: call.header('authorization'),
      limit_key: clientLimitKey(call),
    })
    return { ...json(200, introspection, NO_STORE), log: { client_id } }
  },
})
