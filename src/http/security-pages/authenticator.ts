import { z } from 'zod'
import { Problem } from '../../domain/refusals/problem.ts'
import { PROBLEMS } from '../../domain/refusals/problem-codes.ts'
import type { OwnProfile } from '../../flows/account/own-profile.ts'
import type { OwnSecurity } from '../../flows/factors/own-security.ts'
import type { TotpEnrolment } from '../../flows/factors/totp-enrolment.ts'
import { proofInSession } from '../account-pages/own-proof.ts'
import { type Act, again, frameOf, type Show, type Visit } from '../account-pages/visit.ts'
import type { SessionForms } from '../hosted/session-forms.ts'
import type { Cookie } from '../server/cookies.ts'
import { pageReply } from '../server/page-reply.ts'
import { answeringProblems } from '../server/refusal.ts'
import type { Call, Reply } from '../server/route.ts'
import { authenticatorPage } from './authenticator-page.ts'
import { SECURITY_PATH } from './parts.ts'
import { replyWithCodes } from './recovery-codes.ts'

type Needs = Readonly<{
  ownProfile: OwnProfile
  ownSecurity: OwnSecurity
  totpEnrolment: TotpEnrolment
  sessionForms: SessionForms
  deviceCookie: Cookie
}>

/** What the hidden field of the page holds: the enrolment that the code belongs to. */
const ENROLMENT = z.object({ handle: z.string(), secret: z.string(), uri: z.string() })

type Shown = Readonly<{
  status: number
  enrolment: z.output<typeof ENROLMENT>
  fault: 'wrong' | null
  isAnew: boolean
}>

/** RFC 6238 – Shows a new secret. Nothing of the account changes before its code is confirmed. */
export const showAuthenticator =
  (needs: Needs): Show =>
  async (call, visit) => {
    const { ownSecurity } = needs
    const security = await ownSecurity.find(visit.actor)
    if (security.totp !== null) return again(call, SECURITY_PATH)
    ownSecurity.requireFresh(visit.actor, security)
    return begin(needs, { call, visit }, { status: 200, fault: null, isAnew: false })
  }

type Here = Readonly<{ call: Call; visit: Visit }>

const begin = async (needs: Needs, here: Here, shown: Omit<Shown, 'enrolment'>): Promise<Reply> => {
  const { call, visit } = here
  const enrolment = await needs.totpEnrolment.begin(visit.actor, proofInSession(call, needs.deviceCookie))
  return show(needs, here, { ...shown, enrolment })
}

const show = async (
  { ownProfile, sessionForms }: Needs,
  { call, visit }: Here,
  { status, enrolment, fault, isAnew }: Shown,
): Promise<Reply> => {
  const { handle, secret, uri } = enrolment
  const frame = frameOf(await ownProfile.read(visit.actor), visit)
  const sealed = sessionForms.seal('account', visit.session, { handle, secret, uri })
  return pageReply(call, status, authenticatorPage({ frame, sealed, secret, uri, fault, isAnew }))
}

/** Turns the application on. A wrong code shows the same secret again; one that is over, a new secret. */
export const confirmAuthenticator =
  (needs: Needs): Act =>
  async (call, visit, form) => {
    const parsed = ENROLMENT.safeParse(visit.content)
    if (!parsed.success) throw new Problem('PAGE_FOREIGN', { reason: 'session_of_another_page' })
    const enrolment = parsed.data
    const here = { call, visit }
    const confirm = async () => {
      const { handle } = enrolment
      const code = form.get('code') ?? ''
      const { recovery_codes } = await needs.totpEnrolment.confirm(visit.actor, { handle, code })
      return replyWithCodes(needs, here, recovery_codes)
    }
    return answeringProblems(confirm, async problem => {
      const [status] = PROBLEMS[problem.code]
      if (problem.code === 'FIELDS_INVALID')
        return show(needs, here, { status, enrolment, fault: 'wrong', isAnew: false })
      return problem.code === 'AUTH_CEREMONY_OVER'
        ? begin(needs, here, { status, fault: null, isAnew: true })
        : null
    })(call)
  }
