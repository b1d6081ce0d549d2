import { PROBLEMS } from '../../domain/refusals/problem-codes.ts'
import type { OwnProfile } from '../../flows/account/own-profile.ts'
import type { FactorOverview } from '../../flows/factors/factor-overview.ts'
import { hasFactor } from '../../flows/factors/offer-factors.ts'
import type { OwnSecurity } from '../../flows/factors/own-security.ts'
import { proofInSession } from '../account-pages/own-proof.ts'
import { type Act, again, frameOf, type Show, type Visit } from '../account-pages/visit.ts'
import type { Cookie } from '../server/cookies.ts'
import { pageReply } from '../server/page-reply.ts'
import { answeringProblems } from '../server/refusal.ts'
import type { Call, Reply } from '../server/route.ts'
import { SECURITY_PATH } from './parts.ts'
import { recoveryCodesPage, recoveryRenewalPage } from './recovery-codes-page.ts'

type Needs = Readonly<{
  ownProfile: OwnProfile
  ownSecurity: OwnSecurity
  factorOverview: FactorOverview
  deviceCookie: Cookie
}>

type Here = Readonly<{ call: Call; visit: Visit }>

export const showRecoveryRenewal =
  ({ ownProfile, ownSecurity }: Needs): Show =>
  async (call, visit) => {
    const security = await ownSecurity.find(visit.actor)
    if (!hasFactor(security)) return again(call, SECURITY_PATH)
    ownSecurity.requireFresh(visit.actor, security)
    const frame = frameOf(await ownProfile.read(visit.actor), visit)
    return pageReply(call, 200, recoveryRenewalPage({ frame, isOvertaken: false }))
  }

/** A reload of the answer finds that codes were made a moment ago, and makes none. */
export const renewRecoveryCodes =
  ({ ownProfile, factorOverview, deviceCookie }: Needs): Act =>
  async (call, visit) => {
    const { actor } = visit
    const renew = async () => {
      const { recovery_codes: codes } = await factorOverview.renewRecoveryCodes(
        actor,
        proofInSession(call, deviceCookie),
      )
      const frame = frameOf(await ownProfile.read(actor), visit)
      return pageReply(call, 200, recoveryCodesPage({ frame, codes }))
    }
    return answeringProblems(renew, async ({ code }) => {
      if (code === 'NOT_FOUND') return again(call, SECURITY_PATH)
      if (code !== 'RECOVERY_CODES_CHANGED') return null
      const frame = frameOf(await ownProfile.read(actor), visit)
      const [status] = PROBLEMS[code]
      return pageReply(call, status, recoveryRenewalPage({ frame, isOvertaken: true }))
    })(call)
  }

/** The end of an enrolment: the codes that came with it, or the overview. The session has a new secret. */
export const replyWithCodes = async (
  { ownProfile }: Pick<Needs, 'ownProfile'>,
  { call, visit }: Here,
  codes: readonly string[],
): Promise<Reply> => {
  const { actor, next_cookie } = visit
  const cookies = [next_cookie]
  if (codes.length === 0) return { ...again(call, `${SECURITY_PATH}?done=changed`), cookies }
  const frame = frameOf(await ownProfile.read(actor), visit)
  return { ...pageReply(call, 200, recoveryCodesPage({ frame, codes })), cookies }
}
