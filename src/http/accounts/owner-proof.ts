import { z } from 'zod'
import { fieldInvalid } from '../../domain/refusals/problem.ts'
import type { Bearer } from '../../flows/access/authenticate-bearer.ts'
import type { OwnRefreshToken } from '../../flows/factors/holds-refresh-token.ts'
import type { OwnFactorProof } from '../../flows/factors/prove-own-factor.ts'
import type { OwnerProof } from '../../flows/factors/require-step-up.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Cookie } from '../server/cookies.ts'
import { requestSourceOf } from '../server/request-source.ts'
import type { Call } from '../server/route.ts'
import { seenOf } from '../server/seen.ts'
import type { CookieTransport } from './cookie-transport.ts'
import { FILLED, TEXT } from './fields.ts'
import { PROOF, proofOf } from './proof.ts'

/** The fields by which a request proves that it comes from the account's owner, beside the fields of the change itself. */
export const OWNER_PROOF = z.object({
  current_password: TEXT.optional(),
  refresh_token: FILLED.optional(),
  handle: FILLED.optional(),
  ...PROOF,
})

type Given = z.output<typeof OWNER_PROOF>
type Needs = Readonly<{ clients: Clients; cookieTransport: CookieTransport; deviceCookie: Cookie }>

/** Ours – Reads the proof of a request: the password, a factor, and the sign-in's own refresh token in the body or in the cookie. */
export type ReadOwnerProof = (call: Call, bearer: Bearer, given: Given) => Promise<OwnerProof>

export const createReadOwnerProof =
  ({ clients, cookieTransport, deviceCookie }: Needs): ReadOwnerProof =>
  async (call, { claims }, given) => {
    const { device_token } = seenOf(call, deviceCookie)
    const factor = factorOf(given, device_token)
    const { current_password = null, refresh_token } = given
    const source = requestSourceOf(call)
    const inBody: OwnRefreshToken | null =
      refresh_token === undefined ? null : { text: refresh_token, refresh_transport: 'body', source }
    const client = inBody === null ? await clients.find(claims.client_id) : null
    const cookie = client === null ? null : cookieTransport.find(call, client)
    const inCookie: OwnRefreshToken | null =
      cookie === null ? null : { text: cookie, refresh_transport: 'cookie', source }
    return { current_password, factor, own_refresh_token: inBody ?? inCookie, device_token }
  }

/** A passkey needs the handle of the ceremony whose challenge it answers. */
const factorOf = ({ handle, ...given }: Given, device_token: string | null): OwnFactorProof | null => {
  const { totp, recovery_code, passkey } = given
  if ([totp, recovery_code, passkey].every(each => each === undefined)) return null
  const proof = proofOf(given)
  if (proof === null)
    throw fieldInvalid({ pointer: '#/totp', detail: 'give at most one of totp, recovery_code and passkey' })
  if (proof.kind === 'passkey' && handle === undefined)
    throw fieldInvalid({ pointer: '#/handle', detail: 'is what a passkey answers to' })
  return { handle: handle ?? null, proof, device_token }
}
