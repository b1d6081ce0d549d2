import { z } from 'zod'
import type { createRefresh } from '../../flows/sign-in/refresh.ts'
import { readOptionalJson } from '../server/body.ts'
import { idempotencyKeyOf, requestSourceOf } from '../server/request-source.ts'
import { type Handle, json, NO_STORE } from '../server/route.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { FILLED, parseFields, RESOURCES } from './fields.ts'

const REQUIRED = z.object({ refresh_token: FILLED, resource: RESOURCES })
const OPTIONAL = REQUIRED.extend({ refresh_token: FILLED.optional() })

type Needs = Readonly<{ refresh: ReturnType<typeof createRefresh>; cookieTransport: CookieTransport }>

/**
 * Ours (docs/decisions/0029) – POST /auth/refresh: takes the token from the body, or from the cookie where a browser sends no token. For a
 * program, a body without the token lacks a field.
 */
export const handleRefresh =
  ({ refresh, cookieTransport }: Needs): Handle =>
  async call => {
    const body = await readOptionalJson(call)
    const isCookieMeant = body === null || cookieTransport.isMeant(call)
    const { refresh_token, resource: resources } = parseFields(
      body ?? {},
      isCookieMeant ? OPTIONAL : REQUIRED,
    )
    const request = {
      resources,
      idempotency_key: idempotencyKeyOf(call),
      proof: call.header('dpop'),
      source: requestSourceOf(call),
    }
    if (refresh_token !== undefined) {
      const given = { refresh_token, refresh_transport: 'body', admits: () => true } as const
      const { tokens, about } = await refresh({ ...request, ...given })
      return { ...json(200, tokens, NO_STORE), log: about }
    }
    return cookieTransport.authenticate(call, async (token, admits) => {
      const given = { refresh_token: token, refresh_transport: 'cookie', admits } as const
      const { tokens, about } = await refresh({ ...request, ...given })
      const { body: pair, cookies } = cookieTransport.deliver(tokens)
      return { ...json(200, pair, NO_STORE), cookies, log: about }
    })
  }
