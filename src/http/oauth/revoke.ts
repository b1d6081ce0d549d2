import type { createRevoke } from '../../flows/revoke.ts'
import { readForm } from '../body.ts'
import { NO_STORE, type Route } from '../route.ts'

/** RFC 7009 §2 – The revocation endpoint: 200 without a body, whatever the token was. */
export const revokeRoute = (revoke: ReturnType<typeof createRevoke>): Route => ({
  method: 'POST',
  path: '/revoke',
  cors: 'clients',
  errors: 'oauth',
  handle: async call => {
    const form = await readForm(call)
    const log = await revoke({ form, authorization: call.header('authorization'), ip: call.ip })
    return { status: 200, body: null, headers: NO_STORE, log }
  },
})
