import type { Registration } from '../../flows/clients/registration.ts'
import { readOAuthJson } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { type Call, json, NO_STORE, type Route } from '../server/route.ts'

type Needs = Readonly<{ registration: Registration; csrf: Pick<Csrf, 'clientLimitKey'> }>

/** RFC 7591 §3, RFC 7592 §2 – The client registration endpoint, and the client configuration endpoint. */
export const registerRoutes = ({ registration, csrf }: Needs): readonly Route[] => {
  const askedBy = (call: Call) => ({
    authorization: call.header('authorization'),
    limit_key: csrf.clientLimitKey(call),
  })
  const idOf = ({ context }: Call) => context.req.param('client_id') ?? ''
  const common = { cors: 'anyone', errors: 'oauth' } as const
  const path = '/register/:client_id'
  return [
    {
      ...common,
      method: 'POST',
      path: '/register',
      handle: async call => {
        const { client_id, body } = await registration.register(await readOAuthJson(call), askedBy(call))
        return { log: { client_id }, ...json(201, body, NO_STORE) }
      },
    },
    {
      ...common,
      method: 'GET',
      path,
      handle: async call => {
        const { client_id, body } = await registration.read(idOf(call), askedBy(call))
        return { log: { client_id }, ...json(200, body, NO_STORE) }
      },
    },
    {
      ...common,
      method: 'PUT',
      path,
      handle: async call => {
        const asked = await readOAuthJson(call)
        const { client_id, body } = await registration.replace(idOf(call), asked, askedBy(call))
        return { log: { client_id }, ...json(200, body, NO_STORE) }
      },
    },
    {
      ...common,
      method: 'DELETE',
      path,
      handle: async call => {
        await registration.remove(idOf(call), askedBy(call))
        return { log: { client_id: idOf(call) }, status: 204, body: null, headers: NO_STORE }
      },
    },
  ]
}
