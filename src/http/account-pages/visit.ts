import type { SealedForm } from '../../domain/authorization/session-form.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import type { Form } from '../../domain/oauth/form.ts'
import type { Actor } from '../../flows/access/actor.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { Limit } from '../../ports/limits.ts'
import { type Interactions, seeOther } from '../hosted/interactions.ts'
import type { SessionForms } from '../hosted/session-forms.ts'
import { readPageForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import type { Call, Handle, Reply } from '../server/route.ts'

type Needs = Readonly<{
  interactions: Interactions
  sessionForms: SessionForms
  csrf: Csrf
  limits: Readonly<{ accounts: Limit }>
}>

/** A person on their account page. */
export type Visit = Readonly<{
  actor: Actor
  session_id: string
  /** The hidden field of the forms of the page, and the one of the button that signs out. */
  sealed: SealedForm
  sealed_logout: SealedForm
}>

export const createVisits = ({ interactions, sessionForms, csrf, limits }: Needs) => {
  const withSession =
    (handle: (call: Call, visit: Visit, form: Form | null) => Promise<Reply>): Handle =>
    async call => {
      const form = call.context.req.method === 'POST' ? await readPageForm(call) : null
      const session = await interactions.findSession(call)
      if (session === null) return seeOther('/sign-in')
      const { id: session_id, account } = session
      if (form !== null) sessionForms.open('account', session, form.get('request'))
      const visit = {
        actor: { account, acts_by: { session_id } },
        session_id,
        sealed: sessionForms.seal('account', session),
        sealed_logout: sessionForms.seal('logout', session),
      }
      const reply = await handle(call, visit, form)
      return { ...reply, log: { ...reply.log, sub: account.id } }
    }
  return {
    /** A page for the person who is signed in. Every other person is led to the sign-in. */
    showing: (show: (call: Call, visit: Visit) => Promise<Reply>): Handle => withSession(show),

    /** A form of such a page. It is refused from another origin, and with the seal of another session. */
    acting: (act: (call: Call, visit: Visit, form: Form) => Promise<Reply>): Handle => {
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
