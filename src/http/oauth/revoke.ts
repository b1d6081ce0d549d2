import type { createRevoke } from '../../flows/oauth/revoke.ts'
import { readForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { NO_STORE, type Route } from '../server/route.ts'

/** RFC 7009 §2 – The revocation endpoint: 200 without a body, whatever the token was. */
export const revokeRoute = (
  revoke: ReturnType<typeof createRevoke>,
  { clientLimitKey }: Pick<Csrf, 'clientLimitKey'>,
): Route => ({
  method: 'POST',
  path: '/revoke',
  cors: 'anyone',
  errors: 'oauth',
  handle: async call => {
    const form = await readForm(call)
    const log = await revoke({
      form,
      authorization: call.header('authorization'),
      limit_key: clientLimitKey(call),
    })
    return { status: 200, body: null, headers: EMPTY_JSON, log }
  },
})

/** Ours: named as JSON although there is nothing in it, because widely used clients (simple-oauth2) take no other answer. */
const EMPTY_JSON = { ...NO_STORE, 'Content-Type': 'application/json' }
