import { z } from 'zod'
import { describeDevice } from '../../domain/base/user-agent.ts'
import { ATTESTATION, PASSKEY_LABEL } from '../../domain/factors/attestation.ts'
import type { AuthenticateBearer, Bearer } from '../../flows/access/authenticate-bearer.ts'
import type { FactorOverview } from '../../flows/factors/factor-overview.ts'
import type { PasskeyEnrolment } from '../../flows/factors/passkey-enrolment.ts'
import type { OwnerProof } from '../../flows/factors/require-step-up.ts'
import type { TotpEnrolment } from '../../flows/factors/totp-enrolment.ts'
import { requestSourceOf } from '../server/request-source.ts'
import { type Call, json, NO_STORE, noContent, type Reply } from '../server/route.ts'
import { type AccountRoute, post } from './account-route.ts'
import { FILLED, readFields, readOptionalFields } from './fields.ts'
import { OWNER_PROOF, type ReadOwnerProof } from './owner-proof.ts'
import { withBearer } from './with-bearer.ts'

const TOTP = z.object({ handle: FILLED, totp: FILLED })
const PASSKEY = z.object({
  handle: FILLED,
  passkey: ATTESTATION,
  label: PASSKEY_LABEL.optional(),
})

type Needs = Readonly<{
  factorOverview: FactorOverview
  totpEnrolment: TotpEnrolment
  passkeyEnrolment: PasskeyEnrolment
  authenticateBearer: AuthenticateBearer
  readOwnerProof: ReadOwnerProof
}>

/** Ours (docs/decisions/0014) – Lists, adds and removes second factors. */
export const factorRoutes = (needs: Needs): readonly AccountRoute[] => {
  const { factorOverview, totpEnrolment, passkeyEnrolment } = needs
  const own = (act: Parameters<typeof withBearer>[1]) => withBearer(needs.authenticateBearer, act)
  /** For changes that only the account's owner may make. A request that shows no proof may leave the body out. */
  const ownersAlone = (act: (bearer: Bearer, ownerProof: OwnerProof, call: Call) => Promise<Reply>) =>
    own(async (bearer, call) => {
      const given = await readOptionalFields(call, OWNER_PROOF)
      return act(bearer, await needs.readOwnerProof(call, bearer, given), call)
    })
  const answer = (status: number, body: unknown) => json(status, body, NO_STORE)
  const confirmTotp = own(async (bearer, call) => {
    const { handle, totp: code } = await readFields(call, TOTP)
    return answer(201, await totpEnrolment.confirm(bearer, { handle, code }))
  })
  const removeTotp = ownersAlone(async (bearer, ownerProof) => {
    await totpEnrolment.remove(bearer, ownerProof)
    return noContent
  })
  const confirmPasskey = own(async (bearer, call) => {
    const { handle, passkey: attestation, label } = await readFields(call, PASSKEY)
    const given = { handle, attestation, label: label ?? describeDevice(requestSourceOf(call).user_agent) }
    return answer(201, await passkeyEnrolment.confirm(bearer, given))
  })
  const removePasskey = ownersAlone(async (bearer, ownerProof, { context }) => {
    await passkeyEnrolment.remove(bearer, context.req.param('id') ?? '', ownerProof)
    return noContent
  })
  const renewRecoveryCodes = ownersAlone(async (bearer, ownerProof) =>
    answer(201, await factorOverview.renewRecoveryCodes(bearer, ownerProof)),
  )
  const list = own(async bearer => answer(200, await factorOverview.list(bearer.account.id)))

  return [
    { method: 'GET', path: '/auth/factors', handle: list },
    post(
      '/auth/factors/totp',
      ownersAlone(async (bearer, ownerProof) => answer(200, await totpEnrolment.begin(bearer, ownerProof))),
    ),
    post('/auth/factors/totp/confirm', confirmTotp),
    { method: 'DELETE', path: '/auth/factors/totp', handle: removeTotp },
    post(
      '/auth/factors/passkeys',
      ownersAlone(async (bearer, ownerProof) =>
        answer(200, await passkeyEnrolment.begin(bearer, ownerProof)),
      ),
    ),
    post('/auth/factors/passkeys/confirm', confirmPasskey),
    { method: 'DELETE', path: '/auth/factors/passkeys/:id', handle: removePasskey },
    post('/auth/factors/recovery-codes', renewRecoveryCodes),
  ]
}
