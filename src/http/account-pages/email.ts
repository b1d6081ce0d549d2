import { z } from 'zod'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { PROBLEMS } from '../../domain/refusals/problem-codes.ts'
import { aboutOwner } from '../../flows/access/actor.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { OwnProfile } from '../../flows/account/own-profile.ts'
import type { OwnSecurity } from '../../flows/factors/own-security.ts'
import { SAME_ADDRESS, type SendLinks } from '../../flows/mail/send-links.ts'
import type { Limit } from '../../ports/limits.ts'
import type { SessionForms } from '../hosted/session-forms.ts'
import type { Cookie } from '../server/cookies.ts'
import { languageFor } from '../server/language.ts'
import { pageReply } from '../server/page-reply.ts'
import { answeringProblems } from '../server/refusal.ts'
import type { Call, Reply } from '../server/route.ts'
import { type EmailFault, emailPage, linkSentPage } from './email-page.ts'
import { proofInSession } from './own-proof.ts'
import { type Act, again, frameOf, type Show, type Visit } from './visit.ts'

type Needs = Readonly<{
  ownProfile: OwnProfile
  ownSecurity: OwnSecurity
  sendLinks: SendLinks
  sessionForms: SessionForms
  deviceCookie: Cookie
  limits: Readonly<{ mail: Limit }>
}>

export const EMAIL_PATH = '/account/email'

/** The form for another address, and what follows: a link was mailed there. */
export const showEmail =
  (needs: Needs): Show =>
  async (call, visit) => {
    const { ownProfile, ownSecurity, sendLinks } = needs
    const { actor } = visit
    if (sendLinks.isOff) throw new Problem('MAIL_OFF')
    const sent = call.context.req.query('sent')
    if (sent !== undefined) return showSent(needs, call, { visit, sent })
    ownSecurity.requireFresh(actor, await ownSecurity.find(actor))
    const frame = frameOf(await ownProfile.read(actor), visit)
    return pageReply(call, 200, emailPage({ frame, new_email: '', fault: null }))
  }

type Sent = Readonly<{ visit: Visit; sent: string }>

/** A page of its own, so that a reload sends no mail. The new address is sealed, so that no link of a stranger puts words into it. */
const showSent = async (
  { ownProfile, sessionForms }: Needs,
  call: Call,
  { visit, sent }: Sent,
): Promise<Reply> => {
  const new_email = z.string().parse(sessionForms.open('mailed', visit.session, sent))
  const frame = frameOf(await ownProfile.read(visit.actor), visit)
  return pageReply(call, 200, linkSentPage({ frame, new_email, sent }))
}

/** Mails a link: to the new address, which the link changes to, or once more to the one that the account has. */
export const askForLink =
  (needs: Needs): Act =>
  async (call, visit, form) => {
    const { ownProfile, limits, sendLinks } = needs
    if (sendLinks.isOff) throw new Problem('MAIL_OFF')
    const new_email = form.get('new_email') ?? ''
    const isVerification = form.get('verify') !== undefined
    const ask = async () => {
      await requireAllowance(limits.mail, limitKeyOf(call.ip))
      return isVerification
        ? mailVerification(needs, call, visit)
        : mailChange(needs, call, { visit, new_email })
    }
    return answeringProblems(ask, async problem => {
      const fault = faultOf(problem)
      if (isVerification || fault === null) return null
      const frame = frameOf(await ownProfile.read(visit.actor), visit)
      const [status] = PROBLEMS[problem.code]
      return pageReply(call, status, emailPage({ frame, new_email, fault }))
    })(call)
  }

const mailVerification = ({ sendLinks }: Needs, call: Call, { actor }: Visit): Reply => {
  sendLinks.verification(actor.account, { language: languageFor(call), about: aboutOwner(actor) })
  return again(call, '/account?mailed=')
}

type Change = Readonly<{ visit: Visit; new_email: string }>

const mailChange = async (
  { sendLinks, sessionForms, deviceCookie }: Needs,
  call: Call,
  { visit, new_email }: Change,
): Promise<Reply> => {
  const { actor, session } = visit
  await sendLinks.emailChange(actor, {
    new_email,
    ownerProof: proofInSession(call, deviceCookie),
    language: languageFor(call),
    about: aboutOwner(actor),
  })
  return again(call, `${EMAIL_PATH}?sent=${sessionForms.seal('mailed', session, new_email.trim())}`)
}

const faultOf = ({ code, errors, retry_after_seconds }: Problem): EmailFault | null => {
  if (code === 'RATE_LIMITED' && retry_after_seconds !== null) return { kind: 'wait', retry_after_seconds }
  const refused = errors.find(({ pointer }) => pointer === '#/new_email')
  if (refused === undefined) return null
  return { kind: refused.detail === SAME_ADDRESS ? 'same' : 'malformed' }
}
