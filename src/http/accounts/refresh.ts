import { z } from 'zod'
import type { createRefresh } from '../../flows/refresh.ts'
import { hasBody, readJson } from '../body.ts'
import { originOf } from '../origin.ts'
import { type Handle, json, NO_STORE } from '../route.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { parseFields } from './fields.ts'

const FIELDS = z.object({
  refresh_token: z.string('must be a string').min(1, 'must not be empty').optional(),
})

type Needs = Readonly<{ refresh: ReturnType<typeof createRefresh>; cookieTransport: CookieTransport }>

/** Contract – POST /auth/refresh: with the token in the body, or without, and then the cookie is meant. */
export const handleRefresh =
  ({ refresh, cookieTransport }: Needs): Handle =>
  async call => {
    const { refresh_token } = parseFields(hasBody(call) ? await readJson(call) : {}, FIELDS)
    const request = {
      idempotency_key: call.header('idempotency-key') || undefined,
      origin: originOf(call),
    }
    if (refresh_token !== undefined) {
      const given = { refresh_token, refresh_transport: 'body', admits: () => true } as const
      return json(200, await refresh({ ...request, ...given }), NO_STORE)
    }
    return cookieTransport.authenticate(call, async (token, admits) => {
      const given = { refresh_token: token, refresh_transport: 'cookie', admits } as const
      const { body, cookies } = cookieTransport.deliver(await refresh({ ...request, ...given }))
      return { ...json(200, body, NO_STORE), cookies }
    })
  }
