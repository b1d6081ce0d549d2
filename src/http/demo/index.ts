import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { Limit } from '../../ports/limits.ts'
import { seeOther } from '../hosted/interactions.ts'
import { inLanguage } from '../layout/layout.ts'
import { readPageForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { pageReply } from '../server/page-reply.ts'
import { requestSourceOf } from '../server/request-source.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'
import { demoEntryPage, demoTokensPage } from './pages.ts'
import type { RelyingParty } from './relying-party.ts'
import type { Visits } from './visits.ts'

type Needs = Readonly<{
  relyingParty: RelyingParty
  visits: Visits
  csrf: Csrf
  limits: Readonly<{ accounts: Limit }>
  /** Of the demo account. */
  email: string
}>

/**
 * Ours – A small application with which a newcomer sees the whole flow in a browser. It is a client like every other one: it sends the
 * person to /authorize, and trades the code by what the token endpoint does. Only the embedded default has these routes.
 */
export const demoRoutes = (needs: Needs): readonly Route[] => [
  { ...DEMO, method: 'GET', path: '/demo', handle: show(needs) },
  { ...DEMO, method: 'POST', path: '/demo/sign-in', handle: posting(needs, begin(needs)) },
  { ...DEMO, method: 'GET', path: '/demo/callback', handle: takeAnswer(needs) },
  { ...DEMO, method: 'POST', path: '/demo/refresh', handle: posting(needs, refresh(needs)) },
  { ...DEMO, method: 'POST', path: '/demo/sign-out', handle: posting(needs, signOut(needs)) },
]

const DEMO = { cors: 'none', errors: 'page' } as const

const show =
  ({ visits, email }: Needs): Handle =>
  async call => {
    const visit = visits.find(call)
    const page =
      visit?.stage === 'signed_in'
        ? demoTokensPage(visit)
        : demoEntryPage({ email, error: visit?.stage === 'refused' ? visit.error : null })
    return pageReply(call, 200, page)
  }

const begin =
  ({ relyingParty, visits }: Needs): Handle =>
  async call => {
    const begun = relyingParty.begin(call.context.req.query('ui_locales'))
    return { ...seeOther(relyingParty.authorizationUrl(begun)), cookies: [visits.open(call, begun)] }
  }

/** OpenID Connect Core §3.1.2.5 – A response that is opened again redeems nothing: a code that comes twice ends what it bought. */
const takeAnswer =
  ({ relyingParty, visits, csrf }: Needs): Handle =>
  async call => {
    const visit = visits.find(call)
    if (visit === null) throw foreignAnswer()
    if (visit.stage !== 'begun') return seeOther('/demo')
    const query = (name: string) => call.context.req.query(name)
    const returned = { state: query('state'), iss: query('iss'), code: query('code'), error: query('error') }
    const outcome = await relyingParty.redeem(returned, visit, originOf(call, csrf))
    if (outcome.stage === 'foreign') throw foreignAnswer()
    return { ...home(visit.ui_locales), cookies: [visits.open(call, outcome)] }
  }

const refresh =
  ({ relyingParty, visits, csrf }: Needs): Handle =>
  async call => {
    const visit = visits.find(call)
    if (visit?.stage === 'signed_in')
      visits.replace(call, await relyingParty.refresh(visit, originOf(call, csrf)))
    return home(call.context.req.query('ui_locales'))
  }

const signOut =
  ({ relyingParty, visits, csrf }: Needs): Handle =>
  async call => {
    const visit = visits.find(call)
    const cookies = [visits.forget(call)]
    const address =
      visit?.stage === 'signed_in' ? await relyingParty.signOut(visit, originOf(call, csrf)) : null
    return { ...(address === null ? home(call.context.req.query('ui_locales')) : seeOther(address)), cookies }
  }

const home = (ui_locales: string | undefined): Reply =>
  seeOther(ui_locales === undefined ? '/demo' : inLanguage('/demo', ui_locales))

const originOf = (call: Call, csrf: Csrf) => ({
  source: requestSourceOf(call),
  limit_key: csrf.clientLimitKey(call),
})

/** Refuses an answer to a request that this browser did not make, or whose visit was forgotten. */
const foreignAnswer = () =>
  new Problem('PAGE_FOREIGN', { reason: 'demo_answer_foreign', members: { restart: '/demo' } })

/** A form of these pages, counted as those of the account API are. */
const posting = ({ csrf, limits }: Needs, handle: Handle): Handle =>
  csrf.refuseOtherPages(async call => {
    await requireAllowance(limits.accounts, limitKeyOf(call.ip))
    await readPageForm(call)
    return handle(call)
  })
