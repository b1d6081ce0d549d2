import { z } from 'zod'
import { describeDevice } from '../../domain/user-agent.ts'
import type { AuthenticateBearer, Bearer } from '../../flows/bearer.ts'
import type { FactorOverview } from '../../flows/factor-overview.ts'
import type { PasskeyEnrolment } from '../../flows/passkey-enrolment.ts'
import type { TotpEnrolment } from '../../flows/totp-enrolment.ts'
import { originOf } from '../origin.ts'
import { type Call, type Handle, json, NO_STORE, noContent, type Reply, type Route } from '../route.ts'
import { FILLED, readFields, TEXT } from './fields.ts'
import { ATTESTATION } from './proof.ts'

const TOTP = z.object({ handle: FILLED, totp: FILLED })
const PASSKEY = z.object({
  handle: FILLED,
  passkey: ATTESTATION,
  label: TEXT.trim()
    .min(1, 'must not be empty')
    .max(64, 'must be 64 characters at most')
    .regex(/^\P{Cc}*$/u, 'must not hold control characters')
    .optional(),
})

type Needs = Readonly<{
  factorOverview: FactorOverview
  totpEnrolment: TotpEnrolment
  passkeyEnrolment: PasskeyEnrolment
  authenticateBearer: AuthenticateBearer
}>

/** Contract – What a person does about their second factors. */
export const factorRoutes = (needs: Needs): readonly Pick<Route, 'method' | 'path' | 'handle'>[] => {
  const { factorOverview, totpEnrolment, passkeyEnrolment } = needs
  const own =
    (act: (bearer: Bearer, call: Call) => Promise<Reply>): Handle =>
    async call => {
      const bearer = await needs.authenticateBearer(call.header('authorization'))
      return { ...(await act(bearer, call)), log: { sub: bearer.account.id } }
    }
  const answer = (status: number, body: unknown) => json(status, body, NO_STORE)
  return [
    {
      method: 'GET',
      path: '/auth/factors',
      handle: own(async bearer => answer(200, await factorOverview.list(bearer))),
    },
    {
      method: 'POST',
      path: '/auth/factors/totp',
      handle: own(async bearer => answer(200, await totpEnrolment.begin(bearer))),
    },
    {
      method: 'POST',
      path: '/auth/factors/totp/confirm',
      handle: own(async (bearer, call) => {
        const { handle, totp: code } = await readFields(call, TOTP)
        return answer(201, await totpEnrolment.confirm(bearer, { handle, code }))
      }),
    },
    {
      method: 'DELETE',
      path: '/auth/factors/totp',
      handle: own(async bearer => {
        await totpEnrolment.remove(bearer)
        return noContent
      }),
    },
    {
      method: 'POST',
      path: '/auth/factors/passkeys',
      handle: own(async bearer => answer(200, await passkeyEnrolment.begin(bearer))),
    },
    {
      method: 'POST',
      path: '/auth/factors/passkeys/confirm',
      handle: own(async (bearer, call) => {
        const { handle, passkey: attestation, label } = await readFields(call, PASSKEY)
        const given = { handle, attestation, label: label ?? describeDevice(originOf(call).user_agent) }
        return answer(201, await passkeyEnrolment.confirm(bearer, given))
      }),
    },
    {
      method: 'DELETE',
      path: '/auth/factors/passkeys/:id',
      handle: own(async (bearer, { context }) => {
        await passkeyEnrolment.remove(bearer, context.req.param('id') ?? '')
        return noContent
      }),
    },
    {
      method: 'POST',
      path: '/auth/factors/recovery-codes',
      handle: own(async bearer => answer(201, await factorOverview.renewRecoveryCodes(bearer))),
    },
  ]
}
