import { QUERY_MAX_CHARACTERS } from '../../domain/authorization/authorization-request.ts'
import { LOGOUT_TARGET, logoutRedirectOf } from '../../domain/authorization/logout-request.ts'
import { parseForm } from '../../domain/oauth/form.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Logout, SignedOut } from '../../flows/oauth/logout.ts'
import { signedOutPage, signOutPage } from '../pages/sign-out.ts'
import { readFormText } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { pageReply } from '../server/page-reply.ts'
import { onVisit } from '../server/prefetch.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'
import { type Interactions, seeOther } from './interactions.ts'
import type { SessionForms } from './session-forms.ts'

type Needs = Readonly<{
  logout: Logout
  interactions: Interactions
  sessionForms: SessionForms
  csrf: Csrf
}>

/** OpenID Connect RP-Initiated Logout §2 – The logout endpoint, by GET and by POST, and the page at the end of it. */
export const logoutRoutes = (needs: Needs): readonly Route[] => [
  { ...LOGOUT, method: 'GET', handle: onVisit(byGet(needs)) },
  { ...LOGOUT, method: 'POST', handle: byPost(needs) },
  {
    ...LOGOUT,
    path: SIGNED_OUT_PATH,
    method: 'GET',
    handle: async call => pageReply(call, 200, signedOutPage),
  },
]

const SIGNED_OUT_PATH = '/signed-out'
const LOGOUT = { path: '/logout', cors: 'none', errors: 'page' } as const

const byGet =
  (needs: Needs): Handle =>
  async call =>
    begin(needs, call, new URL(call.context.req.url).search.slice(1))

/**
 * Ours: a POST without a session cookie may be one from another site, on which cookies that are SameSite=Lax are missing. The browser is
 * sent on to the same by GET, on which they are there.
 */
const byPost =
  (needs: Needs): Handle =>
  async call => {
    const text = await readFormText(call)
    const parameters = new URLSearchParams(text)
    if (parameters.has('decision')) return decide(needs, text)(call)
    if (needs.interactions.presentedSession(call) !== null) return begin(needs, call, text)
    const query = parameters.toString()
    if (query.length > QUERY_MAX_CHARACTERS)
      throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'request_too_long' })
    return seeOther(`/logout?${query}`)
  }

const begin = async (needs: Needs, call: Call, query: string): Promise<Reply> => {
  const { logout, interactions, sessionForms } = needs
  const outcome = await logout.begin(query, interactions.presentedSession(call))
  if (outcome.outcome === 'signed_out') return leave(needs, call, outcome)
  const { session, client, target } = outcome
  const page = signOutPage({
    sealed: sessionForms.seal('logout', session, target),
    application: client && (client.client_name ?? client.client_id),
    email: session.account.email,
    target: target && target.post_logout_redirect_uri,
  })
  return { ...pageReply(call, 200, page), log: { sub: session.account.id } }
}

/** The two buttons of the page. */
const decide = (needs: Needs, text: string): Handle =>
  needs.csrf.refuseOtherPages(async call => {
    const { logout, interactions, sessionForms } = needs
    const form = parseForm(text)
    const presented = interactions.presentedSession(call)
    const session = await interactions.findSession(call)
    if (presented === null || session === null)
      return leave(needs, call, { outcome: 'signed_out', target: null })
    const target = LOGOUT_TARGET.nullable().parse(sessionForms.open('logout', session, form.get('request')))
    if (form.get('decision') !== 'allow') return seeOther('/account')
    const reply = leave(needs, call, await logout.confirm({ presented, target }))
    return { ...reply, log: { ...reply.log, sub: session.account.id } }
  })

/** The browser forgets the session that it brought, and goes where it was to go. */
const leave = ({ interactions }: Needs, call: Call, { target }: SignedOut): Reply => ({
  ...seeOther(target === null ? SIGNED_OUT_PATH : logoutRedirectOf(target)),
  cookies: interactions.presentedSession(call) === null ? [] : [interactions.forgetSession],
  ...(target === null ? {} : { log: { client_id: target.client_id } }),
})
