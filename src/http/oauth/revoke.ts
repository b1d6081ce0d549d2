import type { createRevoke } from '../../flows/oauth/revoke.ts'
import { readForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { type Call, json, NO_STORE, type Reply, type Route } from '../server/route.ts'

/** RFC 7009 §2.2 – The revocation endpoint: answers 200 to every token, without information. */
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
    const revoked = wantsJson(call) ? json(200, {}, NO_STORE) : EMPTY
    return { ...revoked, log }
  },
})

const EMPTY: Reply = { status: 200, body: null, headers: NO_STORE }

/**
 * Ours: an answer has no body and no Content-Type, because clients parse whatever has the type JSON. A client that asks for JSON gets an
 * empty object, because some clients accept no other answer (simple-oauth2).
 */
const wantsJson = ({ header }: Call) => /\bapplication\/json\b/i.test(header('accept') ?? '')
