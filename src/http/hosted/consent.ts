import { asAnotherPerson } from '../../domain/authorization/interaction.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { Authorize } from '../../flows/oauth/authorize.ts'
import type { Limit } from '../../ports/limits.ts'
import { readFormWithBoxes } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { onVisit } from '../server/prefetch.ts'
import type { Handle, Route } from '../server/route.ts'
import { type Interactions, seeOther } from './interactions.ts'
import type { ReplyWith, ShowStep } from './progress.ts'

type Needs = Readonly<{
  authorize: Authorize
  interactions: Interactions
  replyWith: ReplyWith
  showStep: ShowStep
  csrf: Csrf
  limits: Readonly<{ accounts: Limit }>
}>

/** OpenID Connect Core §3.1.2.4 – The page that asks a person whether an application may do what it asks for. */
export const consentRoutes = (needs: Needs): readonly Route[] => [
  { ...CONSENT, method: 'GET', handle: onVisit(needs.showStep) },
  { ...CONSENT, method: 'POST', handle: needs.csrf.refuseOtherPages(handleConsent(needs)) },
]

const CONSENT = { path: '/consent', cors: 'none', errors: 'redirect' } as const

const handleConsent =
  ({ authorize, interactions, replyWith, limits }: Needs): Handle =>
  async call => {
    const limit_key = limitKeyOf(call.ip)
    await requireAllowance(limits.accounts, limit_key)
    const { form, ticked } = await readFormWithBoxes(call, 'scope')
    const interaction = interactions.open(call, form.get('request'))
    const { request, session_id } = interaction
    if (request === null) return seeOther('/account')
    const presented = interactions.presentedSession(call)
    if (form.get('decision') === 'another') {
      const another = asAnotherPerson(request)
      const progress = await authorize.resume({ request: another, presented, session_id, limit_key })
      return replyWith(call, progress, interaction)
    }
    const progress = await authorize.decide({
      request,
      presented,
      session_id,
      limit_key,
      isAllowed: form.get('decision') === 'allow',
      choices: interaction.choices ?? null,
      document: interaction.document ?? null,
      ticked,
    })
    return replyWith(call, progress, interaction)
  }
