import type { SignUpMode } from '../../domain/account/invitation.ts'
import { shownDocumentOf } from '../../domain/authorization/consent.ts'
import { afterSignIn } from '../../domain/authorization/interaction.ts'
import type { Interaction } from '../../domain/authorization/interaction-seal.ts'
import type { ScopeCatalogue } from '../../domain/authorization/scope-catalogue.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import type { AuthorizationProgress, Authorize } from '../../flows/oauth/authorize.ts'
import type { ShowLogos } from '../../flows/oauth/client-logos.ts'
import { presentedSessionOf, type SignedInOnPages } from '../../flows/sign-in/browser-sign-in.ts'
import type { Clients } from '../../ports/clients.ts'
import { inLanguage } from '../layout/layout.ts'
import { type Asking, askingOf } from '../pages/asking.ts'
import { consentPage } from '../pages/consent.ts'
import { secondFactorPage } from '../pages/second-factor.ts'
import { selectAccountPage } from '../pages/select-account.ts'
import { answerReply } from '../server/answer-reply.ts'
import { languageFor } from '../server/language.ts'
import { catching } from '../server/refusal.ts'
import type { Call, Handle, Reply } from '../server/route.ts'
import { confirmationOf } from './confirmation.ts'
import { entryOf } from './entry.ts'
import {
  type Interactions,
  type PasskeyRequestOf,
  type Shown,
  seeOther,
  shownFactorsOf,
} from './interactions.ts'
import type { LinkProven } from './link-proven.ts'
import { logoPathOf } from './logo.ts'

type Needs = Readonly<{
  authorize: Authorize
  clients: Clients
  issuer: string
  /** SCOPES_FILE, as it is now. */
  scopes: () => ScopeCatalogue
  findLogo: ShowLogos['find']
  interactions: Interactions
  sign_up: SignUpMode
  isResetOffered: boolean
  passkeyRequestOf: PasskeyRequestOf
  min_characters: number
  /** Before a person who has just signed in goes on. */
  linkProven: LinkProven
}>

/** Answers with what came of an authorization request: back to the client, or the page of the next step, in the same interaction. */
export type ReplyWith = (
  call: Call,
  progress: AuthorizationProgress,
  interaction: Interaction,
) => Promise<Reply>

/** Goes on where a person has just signed in: with what asked for it, or to their account. */
export type Welcome = (call: Call, interaction: Interaction, signedIn: SignedInOnPages) => Promise<Reply>

/** The page of a step at its own address: the step is judged anew, and may be another one by now. */
export type ShowStep = Handle

/** The sign-in or the sign-up of an interaction, for a person who goes from one to the other by a button. */
export type TurnTo = (call: Call, interaction: Interaction, step: 'sign_in' | 'sign_up') => Promise<Reply>

/** The application of an interaction; null without one, or when it is registered no more. */
export type FindAsking = (interaction: Interaction) => Promise<Asking | null>

export const createProgress = (needs: Needs) => {
  const { authorize, interactions } = needs
  const replyWith = createReplyWith(needs)
  const welcome: Welcome = async (call, interaction, signedIn) => {
    // A refusal of the next step has the cookies too: the secret of the session before is worthless by now.
    const reply = await catching('redirect', async () => {
      await needs.linkProven(call, interaction, signedIn)
      return goOn(call, { ...interaction, identity: undefined, confirmation: undefined }, signedIn)
    })(call)
    return {
      ...reply,
      cookies: [...(reply.cookies ?? []), ...interactions.cookiesOf(signedIn)],
      log: { ...reply.log, sub: signedIn.account.id },
    }
  }
  const goOn = async (
    call: Call,
    interaction: Interaction,
    { secret, session }: SignedInOnPages,
  ): Promise<Reply> => {
    if (interaction.request === null) return seeOther(pathAfter(call, interaction))
    const request = afterSignIn(interaction.request, session)
    const limit_key = limitKeyOf(call.ip)
    const here = { presented: presentedSessionOf(secret), session_id: null, limit_key }
    return replyWith(call, await authorize.resume({ request, ...here }), interaction)
  }
  return {
    replyWith,
    welcome,
    showStep: createShowStep(needs, replyWith),
    turnTo: createTurnTo(needs, replyWith),
    findAsking: createFindAsking(needs),
  }
}

const createFindAsking =
  ({ clients }: Needs): FindAsking =>
  async ({ request }) => {
    const client = request && (await clients.find(request.client_id))
    return request && client ? askingOf({ request, client }) : null
  }

const createShowStep =
  (needs: Needs, replyWith: ReplyWith): ShowStep =>
  async call => {
    const { authorize, interactions } = needs
    const sealed = call.context.req.query('request')
    if (sealed === undefined) return showWithoutRequest(needs, call)
    const interaction = interactions.open(call, sealed)
    const { request, second_factor } = interaction
    if (second_factor !== null) {
      const asking = await createFindAsking(needs)(interaction)
      const page = (again: string) =>
        secondFactorPage({ sealed: again, asking, ...shownFactorsOf(second_factor), fault: null })
      return interactions.show(call, interaction, { page, path: '/sign-in' })
    }
    if (request === null || interaction.confirmation !== undefined)
      return interactions.show(call, interaction, await firstPageOf(needs, call, interaction))
    const { session_id } = interaction
    const presented = interactions.presentedSession(call)
    const here = { presented, session_id, limit_key: limitKeyOf(call.ip) }
    return replyWith(call, await authorize.resume({ request, ...here }), interaction)
  }

/** Where a person goes on whom no application has sent. The page that they have asked for is in the language of the sign-in. */
const pathAfter = (call: Call, { path }: Interaction): string =>
  path === undefined ? '/account' : inLanguage(path, languageFor(call))

/** The first page for a person whom no application has sent, or who proves that an account is theirs. */
const firstPageOf = async (needs: Needs, call: Call, interaction: Interaction): Promise<Shown> => {
  const { confirmation, identity } = interaction
  if (confirmation === undefined) return entryOf(needs, call, { asking: null, email: '', notice: null })
  const asking = await createFindAsking(needs)(interaction)
  return confirmationOf(needs, { confirmation, identity, asking, notice: null })
}

const createTurnTo =
  ({ authorize, interactions }: Needs, replyWith: ReplyWith): TurnTo =>
  async (call, interaction, step) => {
    const { request, session_id } = interaction
    if (request === null) return seeOther(step === 'sign_up' ? '/sign-up' : '/sign-in')
    const presented = interactions.presentedSession(call)
    const here = { presented, session_id, limit_key: limitKeyOf(call.ip) }
    const progress = await authorize.resume({ request, ...here })
    const isEntry =
      progress.outcome === 'page' && (progress.step.step === 'sign_in' || progress.step.step === 'sign_up')
    if (!isEntry || progress.step.step === step) return replyWith(call, progress, interaction)
    const turned = step === 'sign_up' ? ({ step } as const) : ({ step, why: 'signed_out' } as const)
    return replyWith(call, { ...progress, step: turned }, interaction)
  }

/** A person who came to the pages by themselves: to their account, when they are signed in. */
const showWithoutRequest = async (needs: Needs, call: Call): Promise<Reply> => {
  const { interactions } = needs
  if (call.context.req.path === '/consent' || (await interactions.findSession(call)) !== null)
    return seeOther('/account')
  return interactions.show(
    call,
    interactions.begin(null),
    entryOf(needs, call, { asking: null, email: '', notice: null }),
  )
}

const createReplyWith =
  (needs: Needs): ReplyWith =>
  async (call, progress, interaction) => {
    if (progress.outcome === 'answer') return answerReply(call, progress.answer)
    const { interactions } = needs
    const { request, session } = progress
    const shownOnPage = { choices: choicesOf(progress), document: shownDocumentOf(progress.client) }
    const standing = { session_id: session?.id ?? null, second_factor: null }
    const next = { ...interaction, request, ...standing, ...shownOnPage }
    const asking = askingOf(progress)
    if (progress.outcome === 'second_factor') {
      const { offer } = progress
      const page = (sealed: string) =>
        secondFactorPage({ sealed, asking, ...shownFactorsOf(offer), fault: null })
      return interactions.lead(
        call,
        { ...next, second_factor: { ...offer, isStepUp: true, first_amr: session?.amr } },
        { page, path: '/sign-in' },
      )
    }
    const shown = await shownOf(needs, call, progress)
    return isAt(call, shown) ? interactions.show(call, next, shown) : interactions.lead(call, next, shown)
  }

/** The scopes that a consent page has a box for; undefined for another page. */
const choicesOf = (
  progress: Exclude<AuthorizationProgress, { outcome: 'answer' }>,
): Interaction['choices'] =>
  progress.outcome === 'page' && progress.step.step === 'consent'
    ? progress.step.scopes.filter(({ isTicked }) => isTicked !== null).map(({ scope }) => scope)
    : undefined

/** A page that was asked for by its own address is shown at once. */
const isAt = (call: Call, { path }: Shown): boolean =>
  call.context.req.method === 'GET' && call.context.req.path === path

const shownOf = async (
  needs: Needs,
  call: Call,
  progress: Extract<AuthorizationProgress, { outcome: 'page' }>,
): Promise<Shown> => {
  const { step, request, client, session } = progress
  const asking = askingOf(progress)
  const email = session?.account.email ?? ''
  switch (step.step) {
    case 'sign_up':
      return entryOf(needs, call, { asking, email: request.login_hint ?? '', notice: null, isNew: true })
    case 'sign_in': {
      const notice = step.why === 'signed_out' ? null : step.why
      const known = step.why === 'not_recent' ? email : ''
      return entryOf(needs, call, { asking, email: request.login_hint ?? known, notice })
    }
    case 'select_account':
      return { path: '/sign-in', page: sealed => selectAccountPage({ sealed, asking, email }) }
    case 'consent': {
      const { scopes, changes } = step
      const resources = request.audience.map(each => (each === needs.issuer ? null : each))
      const digest = await needs.findLogo(client)
      const logo = digest && logoPathOf(digest)
      const shown = { asking, email, scopes, changes, resources, catalogue: needs.scopes(), logo }
      return { path: '/consent', page: sealed => consentPage({ sealed, ...shown }) }
    }
  }
}
