import type { OwnerProof } from '../../flows/factors/require-step-up.ts'
import type { Cookie } from '../server/cookies.ts'
import type { Call } from '../server/route.ts'
import { seenOf } from '../server/seen.ts'

/** What a page shows of its own: the browser session, which is judged by when and how its person was verified. */
export const proofInSession = (call: Call, deviceCookie: Cookie): OwnerProof => ({
  current_password: null,
  factor: null,
  own_refresh_token: null,
  device_token: seenOf(call, deviceCookie).device_token,
})
