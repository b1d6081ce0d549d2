import { isLastWayIn } from '../../domain/account/ways-in.ts'
import type { OwnProfile } from '../../flows/account/own-profile.ts'
import type { OwnSecurity } from '../../flows/factors/own-security.ts'
import type { OwnWaysIn } from '../../flows/factors/own-ways.ts'
import type { PasskeyEnrolment } from '../../flows/factors/passkey-enrolment.ts'
import type { TotpEnrolment } from '../../flows/factors/totp-enrolment.ts'
import type { OwnIdentities } from '../../flows/upstream/own-identities.ts'
import { proofInSession } from '../account-pages/own-proof.ts'
import { type Act, again, frameOf, type Show } from '../account-pages/visit.ts'
import type { Cookie } from '../server/cookies.ts'
import { pageReply } from '../server/page-reply.ts'
import { answeringProblems } from '../server/refusal.ts'
import type { Call } from '../server/route.ts'
import { SECURITY_PATH } from './parts.ts'
import { removalPage } from './removal-page.ts'

type Needs = Readonly<{
  ownProfile: OwnProfile
  ownSecurity: OwnSecurity
  ownIdentities: Pick<OwnIdentities, 'waysIn'>
  totpEnrolment: TotpEnrolment
  passkeyEnrolment: PasskeyEnrolment
  deviceCookie: Cookie
}>

/** Asks before the passkey that the address names is removed, or the authenticator application where it names none. */
export const showRemoval =
  ({ ownProfile, ownSecurity, ownIdentities }: Needs): Show =>
  async (call, visit) => {
    const security = await ownIdentities.waysIn(visit.actor)
    const factor = factorAt(call, security)
    if (factor === null) return again(call, SECURITY_PATH)
    ownSecurity.requireFresh(visit.actor, security)
    const frame = frameOf(await ownProfile.read(visit.actor), visit)
    return pageReply(call, 200, removalPage({ frame, ...factor }))
  }

export const removeFactor =
  ({ ownIdentities, totpEnrolment, passkeyEnrolment, deviceCookie }: Needs): Act =>
  async (call, visit) => {
    const { actor, next_cookie } = visit
    const factor = factorAt(call, await ownIdentities.waysIn(actor))
    if (factor === null || factor.what === 'only_way') return again(call, SECURITY_PATH)
    const ownerProof = proofInSession(call, deviceCookie)
    const remove = async () => {
      await (factor.passkey === null
        ? totpEnrolment.remove(actor, ownerProof)
        : passkeyEnrolment.remove(actor, factor.passkey.id, ownerProof))
      return { ...again(call, `${SECURITY_PATH}?done=changed`), cookies: [next_cookie] }
    }
    // Another tab may have removed it meanwhile, or another way in.
    return answeringProblems(remove, async ({ code }) =>
      code === 'NOT_FOUND' || code === 'FACTOR_LAST_WAY' ? again(call, SECURITY_PATH) : null,
    )(call)
  }

type Factor = Pick<Parameters<typeof removalPage>[0], 'passkey' | 'what'>

/** The factor that an address names, and what its removal means; null where the person has none of that name. */
const factorAt = (call: Call, ways: OwnWaysIn): Factor | null => {
  const { totp, passkeys } = ways
  const id = call.context.req.param('id')
  const others = (totp === null ? 0 : 1) + passkeys.length - 1
  const what = others > 0 ? 'one_of_several' : 'last'
  if (id === undefined) return totp === null ? null : { passkey: null, what }
  const passkey = passkeys.find(each => each.id === id)
  if (passkey === undefined) return null
  return { passkey, what: isLastWayIn(ways, passkey.id) ? 'only_way' : what }
}
