import { z } from 'zod'
import type { createRefresh } from '../../flows/refresh.ts'
import { originOf } from '../origin.ts'
import { type Handle, json, NO_STORE } from '../route.ts'
import { readFields } from './fields.ts'

const FIELDS = z.object({ refresh_token: z.string('must be a string').min(1, 'must not be empty') })

/** Contract – POST /auth/refresh */
export const handleRefresh =
  (refresh: ReturnType<typeof createRefresh>): Handle =>
  async call => {
    const { refresh_token } = await readFields(call, FIELDS)
    const idempotency_key = call.header('idempotency-key') || undefined
    return json(200, await refresh({ refresh_token, idempotency_key, origin: originOf(call) }), NO_STORE)
  }
