import type { Interaction } from '../../domain/authorization/interaction-seal.ts'
import type { Offer } from '../../flows/factors/offer-factors.ts'
import type { Progress } from '../../flows/oauth/authorize.ts'
import { type Asking, askingOf } from '../pages/asking.ts'
import { consentPage } from '../pages/consent.ts'
import { secondFactorPage } from '../pages/second-factor.ts'
import { selectAccountPage } from '../pages/select-account.ts'
import { signInPage } from '../pages/sign-in.ts'
import { signUpPage } from '../pages/sign-up.ts'
import type { Call, Reply } from '../server/route.ts'
import { answerReply } from './answer-reply.ts'
import type { Interactions, Shown } from './interactions.ts'

/** Answers with what came of an authorization request: back to the client, or the page of the next step, in the same interaction. */
export type ReplyWith = (call: Call, progress: Progress, interaction: Interaction) => Reply

type Needs = Readonly<{ interactions: Interactions; isSignUpOpen: boolean }>

export const createReplyWith =
  ({ interactions, isSignUpOpen }: Needs): ReplyWith =>
  (call, progress, interaction) => {
    if (progress.outcome === 'answer') return answerReply(call, progress.answer)
    const { request, session } = progress
    const next = { ...interaction, request, session_id: session?.id ?? null, second_factor: null }
    const asking = askingOf(progress)
    if (progress.outcome === 'second_factor')
      return interactions.lead(call, { ...next, second_factor: progress.offer }, factorShown(progress.offer, asking))
    const shown = shownOf(progress, { asking, isSignUpOpen })
    return isAt(call, shown) ? interactions.show(call, next, shown) : interactions.lead(call, next, shown)
  }

export const factorShown = ({ factors }: Pick<Offer, 'factors'>, asking: Asking | null): Shown => ({
  path: '/sign-in',
  page: sealed => secondFactorPage({ sealed, asking, factors, fault: null }),
})

type Around = Readonly<{ asking: Asking; isSignUpOpen: boolean }>

const shownOf = (progress: Extract<Progress, { outcome: 'page' }>, { asking, isSignUpOpen }: Around): Shown => {
  const { step, request, session } = progress
  switch (step.step) {
    case 'sign_up':
      return isSignUpOpen
        ? { path: '/sign-up', page: sealed => signUpPage({ sealed, asking, given: { email: request.login_hint ?? '' }, faults: [] }) }
        : { path: '/sign-in', page: sealed => signInPage({ sealed, asking, email: request.login_hint ?? '', notice: null, isSignUpOpen }) }
    case 'sign_in':
      return {
        path: '/sign-in',
        page: sealed =>
          signInPage({
            sealed,
            asking,
            email: request.login_hint ?? (step.why === 'not_recent' ? session?.account.email : undefined) ?? '',
            notice: step.why === 'signed_out' ? null : step.why,
            isSignUpOpen,
          }),
      }
    case 'select_account':
      return {
        path: '/sign-in',
        page: sealed => selectAccountPage({ sealed, asking, email: session?.account.email ?? '' }),
      }
    case 'consent':
      return {
        path: '/consent',
        page: sealed =>
          consentPage({ sealed, asking, email: session?.account.email ?? '', asked: step.asked, granted: step.granted }),
      }
  }
}

/** A page that was asked for by its own address is shown at once. */
const isAt = (call: Call, { path }: Shown): boolean =>
  call.context.req.method === 'GET' && call.context.req.path === path

