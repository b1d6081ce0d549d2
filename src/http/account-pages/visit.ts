import type { Person } from '../../domain/account/profile.ts'
import type { SealedForm } from '../../domain/authorization/session-form.ts'
import type { Digest } from '../../domain/base/digest.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { acrOf } from '../../domain/oauth/acr.ts'
import { FIRST_PARTY } from '../../domain/oauth/client.ts'
import type { Form } from '../../domain/oauth/form.ts'
import type { BrowserSession } from '../../domain/sign-in/browser-session.ts'
import type { Owner } from '../../flows/access/actor.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { Limit } from '../../ports/limits.ts'
import { type Interactions, seeOther } from '../hosted/interactions.ts'
import type { SessionForms } from '../hosted/session-forms.ts'
import { inLanguage } from '../layout/layout.ts'
import { readPageForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { languageFor } from '../server/language.ts'
import type { Call, Handle, Reply } from '../server/route.ts'
import type { Frame } from './frame.ts'

type Needs = Readonly<{
  interactions: Interactions
  sessionForms: SessionForms
  csrf: Csrf
  limits: Readonly<{ accounts: Limit }>
}>

/** A person on their account page. */
export type Visit = Readonly<{
  actor: Owner
  session: BrowserSession
  session_id: string
  /** For the answer to a change of credentials, after which the session has this secret. */
  next_cookie: string
  /** The hidden field of the forms of the page, and the one of the button that signs out. */
  sealed: SealedForm
  /** What the hidden field of the form held that is answered; null for a page. */
  content: unknown
  sealed_logout: SealedForm
}>

/** Shows a page of the account. */
export type Show = (call: Call, visit: Visit) => Promise<Reply>
/** Does what a form of such a page asks for. */
export type Act = (call: Call, visit: Visit, form: Form) => Promise<Reply>

export const frameOf = (person: Person, { sealed, sealed_logout }: Visit): Frame => ({
  person,
  sealed,
  sealed_logout,
})

/** Back to a page, in the language in which it was. */
export const again = (call: Call, path: string): Reply =>
  seeOther(call.context.req.query('ui_locales') === undefined ? path : inLanguage(path, languageFor(call)))

export const createVisits = ({ interactions, sessionForms, csrf, limits }: Needs) => {
  const withSession =
    (handle: (call: Call, visit: Visit, form: Form | null) => Promise<Reply>): Handle =>
    async call => {
      const form = call.context.req.method === 'POST' ? await readPageForm(call) : null
      const session = await interactions.findSession(call)
      if (session === null) return interactions.leadToSignIn(call)
      const { id: session_id, account } = session
      const { next_digest, next_cookie } = interactions.nextSecretOf(session)
      const content = form === null ? null : sessionForms.open('account', session, form.get('request'))
      const visit = {
        actor: ownerOf(session, { next_digest, request_id: call.request_id }),
        session,
        session_id,
        next_cookie,
        sealed: sessionForms.seal('account', session),
        content,
        sealed_logout: sessionForms.seal('logout', session),
      }
      const reply = await handle(call, visit, form)
      return { ...reply, log: { ...reply.log, sub: account.id } }
    }
  return {
    /** A page for the person who is signed in. Every other person is led to the sign-in. */
    showing: (show: Show): Handle => withSession(show),

    /** A form of such a page. It is refused from another origin, and with the seal of another session. */
    acting: (act: Act): Handle => {
      const handle = withSession(async (call, visit, form) => {
        if (form === null) throw new Error('only a POST has a form')
        return act(call, visit, form)
      })
      return csrf.refuseOtherPages(async call => {
        await requireAllowance(limits.accounts, limitKeyOf(call.ip))
        return handle(call)
      })
    },
  }
}

type Acting = Readonly<{ next_digest: Digest<'browser_session'>; request_id: string }>

/** The person of a session, with what the session has proved. */
const ownerOf = (
  { id: session_id, account, amr, auth_time }: BrowserSession,
  { next_digest, request_id }: Acting,
): Owner => ({
  account,
  acts_by: { session_id, next_digest },
  client_id: FIRST_PARTY.client_id,
  amr,
  acr: acrOf(amr),
  jkt: null,
  auth_time: Math.floor(auth_time.getTime() / 1000),
  request_id,
})
