import type { Interaction } from '../../domain/authorization/interaction-seal.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import type { Form } from '../../domain/oauth/form.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { PROBLEMS } from '../../domain/refusals/problem-codes.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { SendLinks } from '../../flows/mail/send-links.ts'
import type { Limit } from '../../ports/limits.ts'
import { type ForgotPasswordFault, forgotPasswordPage, resetMailSentPage } from '../pages/forgot-password.ts'
import { readPageForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { languageFor } from '../server/language.ts'
import { answeringProblems } from '../server/refusal.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'
import type { Interactions } from './interactions.ts'

type Needs = Readonly<{
  sendLinks: SendLinks
  interactions: Interactions
  csrf: Csrf
  limits: Readonly<{ accounts: Limit; mail: Limit }>
}>

/**
 * Ours – The page on which a person asks for a link that sets a new password. The answer is the same, and comes as soon, whether an
 * account has the address or not. The request of an application travels along, so that the person comes back to it.
 */
export const forgotPasswordRoutes = (needs: Needs): readonly Route[] => [
  { ...PAGE, method: 'GET', path: FORGOT_PASSWORD_PATH, handle: withMail(needs, handleShow(needs)) },
  {
    ...PAGE,
    method: 'POST',
    path: FORGOT_PASSWORD_PATH,
    handle: needs.csrf.refuseOtherPages(withMail(needs, handleForm(needs))),
  },
  { ...PAGE, method: 'GET', path: SENT_PATH, handle: withMail(needs, handleShowSent(needs)) },
]

const FORGOT_PASSWORD_PATH = '/forgot-password'
/** A page of its own, so that a reload sends no mail. */
const SENT_PATH = '/forgot-password/sent'
const PAGE = { cors: 'none', errors: 'page' } as const

const withMail =
  ({ sendLinks }: Needs, handle: Handle): Handle =>
  async call => {
    if (sendLinks.isOff) throw new Problem('MAIL_OFF')
    return handle(call)
  }

/** The interaction of an address, or a new one; of a sign-in that waits for a second factor the password is asked for again. */
const interactionOf = ({ interactions }: Needs, call: Call): Interaction => {
  const sealed = call.context.req.query('request')
  const interaction = sealed === undefined ? interactions.begin(null) : interactions.open(call, sealed)
  return { ...interaction, second_factor: null }
}

const handleShow =
  (needs: Needs): Handle =>
  async call =>
    show(needs, { call, interaction: interactionOf(needs, call) })

const show = (
  { interactions }: Needs,
  { call, interaction }: Pick<Filled, 'call' | 'interaction'>,
): Reply => {
  const email = interaction.request?.login_hint ?? ''
  const page = (sealed: string) => forgotPasswordPage({ sealed, email, fault: null })
  return interactions.show(call, interaction, { page, path: FORGOT_PASSWORD_PATH })
}

const handleShowSent =
  (needs: Needs): Handle =>
  async call =>
    needs.interactions.show(call, interactionOf(needs, call), SENT)

const SENT = { path: SENT_PATH, page: (sealed: string) => resetMailSentPage({ sealed }) }

type Filled = Readonly<{ call: Call; form: Form; interaction: Interaction }>

const handleForm =
  (needs: Needs): Handle =>
  async call => {
    const { interactions, limits } = needs
    await requireAllowance(limits.accounts, limitKeyOf(call.ip))
    const form = await readPageForm(call)
    const opened = interactions.open(call, form.get('request'))
    const filled = { call, form, interaction: { ...opened, second_factor: null } }
    if (form.get('show') !== undefined) return show(needs, filled)
    return answeringProblems(
      () => mailLink(needs, filled),
      async problem => showAgain(needs, filled, problem),
    )(call)
  }

const mailLink = async (
  { sendLinks, interactions, limits }: Needs,
  { call, form, interaction }: Filled,
): Promise<Reply> => {
  await requireAllowance(limits.mail, limitKeyOf(call.ip))
  const { request_id } = call
  const email = form.get('email') ?? ''
  sendLinks.passwordReset({ email, language: languageFor(call), about: { request_id } })
  return interactions.lead(call, interaction, SENT)
}

/** The same page again, with what was wrong and what the person typed. */
const showAgain = (
  { interactions }: Needs,
  { call, form, interaction }: Filled,
  problem: Problem,
): Reply | null => {
  const fault = faultOf(problem)
  if (fault === null) return null
  const [status] = PROBLEMS[problem.code]
  const email = form.get('email') ?? ''
  const page = (sealed: string) => forgotPasswordPage({ sealed, email, fault })
  return interactions.show(call, interaction, { page, status, path: FORGOT_PASSWORD_PATH })
}

const faultOf = ({ code, retry_after_seconds }: Problem): ForgotPasswordFault | null => {
  if (code === 'FIELDS_INVALID') return { kind: 'email_malformed' }
  return code === 'RATE_LIMITED' && retry_after_seconds !== null
    ? { kind: 'wait', retry_after_seconds }
    : null
}
