import type { Exchange } from '../../grants/exchange.ts'
import { readForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { idempotencyKeyOf, requestSourceOf } from '../server/request-source.ts'
import { json, NO_STORE, type Route } from '../server/route.ts'

/** RFC 6749 §3.2 – The token endpoint. */
export const tokenRoute = (exchange: Exchange, { clientLimitKey }: Pick<Csrf, 'clientLimitKey'>): Route => ({
  method: 'POST',
  path: '/token',
  cors: 'anyone',
  errors: 'oauth',
  handsOriginDown: true,
  handle: async call => {
    const form = await readForm(call)
    const { grant_type, tokens, about } = await exchange({
      form,
      authorization: call.header('authorization'),
      idempotency_key: idempotencyKeyOf(call),
      proof: call.header('dpop'),
      source: requestSourceOf(call),
      limit_key: clientLimitKey(call),
    })
    return { log: { grant_type, ...about }, ...json(200, tokens, NO_STORE) }
  },
})
