import type { Problem } from '../../domain/refusals/problem.ts'
import { PROBLEMS } from '../../domain/refusals/problem-codes.ts'
import type { ChangePassword } from '../../flows/account/change-password.ts'
import type { OwnProfile } from '../../flows/account/own-profile.ts'
import { hasFactor } from '../../flows/factors/offer-factors.ts'
import type { OwnSecurity } from '../../flows/factors/own-security.ts'
import { proofInSession } from '../account-pages/own-proof.ts'
import { type Act, again, frameOf, type Show } from '../account-pages/visit.ts'
import type { Cookie } from '../server/cookies.ts'
import { pageReply } from '../server/page-reply.ts'
import { answeringProblems } from '../server/refusal.ts'
import { SECURITY_PATH } from './parts.ts'
import { type PasswordFault, passwordPage } from './password-page.ts'

type Needs = Readonly<{
  ownProfile: OwnProfile
  ownSecurity: OwnSecurity
  changePassword: ChangePassword
  deviceCookie: Cookie
  /** Characters of a new password, at least. */
  min_characters: number
}>

/** The current password is asked for on the page itself; a person with a second factor proves that one before they come here. */
export const showPassword =
  ({ ownProfile, ownSecurity, min_characters }: Needs): Show =>
  async (call, visit) => {
    const { actor } = visit
    const [person, security] = await Promise.all([ownProfile.read(actor), ownSecurity.find(actor)])
    if (!security.hasPassword) return again(call, SECURITY_PATH)
    if (hasFactor(security)) ownSecurity.requireFresh(actor, security)
    const frame = frameOf(person, visit)
    return pageReply(call, 200, passwordPage({ frame, min_characters, fault: null }))
  }

/** The browser session goes on under a new secret; every other sign-in is ended. */
export const savePassword =
  ({ ownProfile, changePassword, deviceCookie, min_characters }: Needs): Act =>
  async (call, visit, form) => {
    const { actor, next_cookie } = visit
    const new_password = form.get('new_password') ?? ''
    const ownerProof = {
      ...proofInSession(call, deviceCookie),
      current_password: form.get('current_password') ?? '',
    }
    const save = async () => {
      await changePassword(actor, { new_password, ownerProof })
      return { ...again(call, `${SECURITY_PATH}?done=changed`), cookies: [next_cookie] }
    }
    return answeringProblems(save, async problem => {
      const fault = faultOf(problem)
      if (fault === null) return null
      const frame = frameOf(await ownProfile.read(actor), visit)
      const [status] = PROBLEMS[problem.code]
      return pageReply(call, status, passwordPage({ frame, min_characters, fault }))
    })(call)
  }

const faultOf = ({ code, errors, retry_after_seconds }: Problem): PasswordFault | null => {
  if (code === 'AUTH_CREDENTIALS_INVALID') return { kind: 'current_wrong' }
  if (code === 'RATE_LIMITED' && retry_after_seconds !== null) return { kind: 'wait', retry_after_seconds }
  const refused = errors.find(({ pointer }) => pointer === '#/new_password')
  return refused === undefined ? null : { kind: 'new_refused', detail: refused.detail }
}
