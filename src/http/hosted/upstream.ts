import { maxAgeAsked } from '../../domain/authorization/interaction.ts'
import type { Interaction } from '../../domain/authorization/interaction-seal.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { UNKNOWN_AUTH_TIME } from '../../domain/oauth/acr.ts'
import { FIRST_PARTY } from '../../domain/oauth/client.ts'
import { type Form, parseParameters } from '../../domain/oauth/form.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import {
  isMeantFor,
  saysAuthTime,
  type Upstream,
  type UpstreamIdentity,
} from '../../domain/upstream/upstream.ts'
import { UPSTREAM_SECONDS, type UpstreamAttempt } from '../../domain/upstream/upstream-attempt.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { AskIdentity } from '../../flows/upstream/ask-identity.ts'
import type { LinkIdentity } from '../../flows/upstream/own-identities.ts'
import { UPSTREAM_AMR, type UpstreamSignIn } from '../../flows/upstream/upstream-sign-in.ts'
import type { SpentAssertions } from '../../ports/clients.ts'
import type { Limit } from '../../ports/limits.ts'
import { inLanguage } from '../layout/layout.ts'
import { secondFactorPage } from '../pages/second-factor.ts'
import { readPageForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { languageFor } from '../server/language.ts'
import { onVisit } from '../server/prefetch.ts'
import { catching } from '../server/refusal.ts'
import { requestSourceOf } from '../server/request-source.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'
import { FOR_GOOD, image } from './brand-files.ts'
import { confirmationOf } from './confirmation.ts'
import { type Interactions, type PasskeyRequestOf, seeOther, shownFactorsOf } from './interactions.ts'
import type { FindAsking, TurnTo, Welcome } from './progress.ts'
import type { UpstreamAttempts } from './upstream-attempts.ts'

/** A provider, with the icon of its button. */
export type ShownUpstream = Readonly<{
  upstream: Upstream
  icon: Readonly<{ bytes: Uint8Array<ArrayBuffer>; type: string; version: string }> | null
}>

type Needs = Readonly<{
  /** UPSTREAMS_FILE, as it is now. */
  shownUpstreams: () => readonly ShownUpstream[]
  upstreamAttempts: UpstreamAttempts
  askIdentity: AskIdentity
  signInUpstream: UpstreamSignIn
  linkIdentity: LinkIdentity
  assertions: SpentAssertions
  interactions: Interactions
  findAsking: FindAsking
  turnTo: TurnTo
  welcome: Welcome
  passkeyRequestOf: PasskeyRequestOf
  isResetOffered: boolean
  csrf: Csrf
  limits: Readonly<{ accounts: Limit; login: Limit }>
}>

const AT = '/sign-in/upstream/:id'
const common = { cors: 'none', errors: 'redirect' } as const

/** OpenID Connect Core §3.1 – The sign-in at another provider: its button, its callback, its icon. */
export const upstreamRoutes = (needs: Needs): readonly Route[] => [
  { ...common, method: 'POST', path: AT, handle: needs.csrf.refuseOtherPages(leadToProvider(needs)) },
  { ...common, method: 'GET', path: AT, handle: onVisit(answerProvider(needs)) },
  { ...common, method: 'GET', path: `${AT}/icon`, errors: 'problem', handle: showIcon(needs) },
]

const findUpstream = (
  { shownUpstreams }: Pick<Needs, 'shownUpstreams'>,
  { context }: Call,
): ShownUpstream => {
  const found = shownUpstreams().find(({ upstream }) => upstream.id === context.req.param('id'))
  if (found === undefined) throw new Problem('NOT_FOUND')
  return found
}

const showIcon =
  (needs: Needs): Handle =>
  async call => {
    const { icon } = findUpstream(needs, call)
    if (icon === null) throw new Problem('NOT_FOUND')
    const isThis = call.context.req.query('v') === icon.version
    return image(icon.bytes, { type: icon.type, cache: isThis ? FOR_GOOD : 'no-store' })
  }

const leadToProvider =
  (needs: Needs): Handle =>
  async call => {
    await requireAllowance(needs.limits.accounts, limitKeyOf(call.ip))
    const { upstream } = findUpstream(needs, call)
    const form = await readPageForm(call)
    const sealed = form.get('request') ?? null
    const interaction = needs.interactions.open(call, sealed ?? undefined)
    const begun = { interaction: sealed, adding: null, ...freshnessOf(interaction) }
    return needs.upstreamAttempts.begin(call, upstream, begun)
  }

/** OpenID Connect Core §3.1.2.1 – Whether a sign-in of before at the provider would not do. A person who proves who they are does so now. */
const freshnessOf = ({
  request,
  confirmation,
}: Interaction): Pick<UpstreamAttempt, 'isFresh' | 'max_age'> => {
  if (confirmation !== undefined) return { isFresh: true, max_age: 0 }
  if (request === null) return { isFresh: false, max_age: null }
  const max_age = maxAgeAsked(request)
  return { isFresh: request.prompt.includes('login') || max_age === 0, max_age }
}

/** RFC 6749 §4.1.2 – A request without a cookie of this browser costs nothing and counts nowhere: another page may have caused it. */
const answerProvider =
  (needs: Needs): Handle =>
  async call => {
    const { upstream } = findUpstream(needs, call)
    const { pathname, search } = new URL(call.context.req.url)
    const { form, faults } = parseParameters(search.slice(1))
    const attempt = needs.upstreamAttempts.take(call, upstream.id, form.get('state'))
    const { language = languageFor(call) } = attempt
    const isChosen = form.get('ui_locales') !== undefined || language === languageFor(call)
    if (!isChosen) return seeOther(inLanguage(pathname + search, language))
    const reply = await catching('redirect', async () => {
      if (faults.size > 0) throw new Problem('UPSTREAM_INVALID', { reason: 'answer_malformed' })
      return goOn(needs, call, { upstream, attempt, form })
    })(call)
    return {
      ...reply,
      cookies: [...(reply.cookies ?? []), needs.upstreamAttempts.forget(attempt)],
      log: { ...reply.log, upstream: upstream.id },
    }
  }

type Answered = Readonly<{ upstream: Upstream; attempt: UpstreamAttempt; form: Form }>

const goOn = async (needs: Needs, call: Call, { upstream, attempt, form }: Answered): Promise<Reply> => {
  const { limits, askIdentity, assertions, interactions } = needs
  await requireAllowance(limits.accounts, limitKeyOf(call.ip))
  await requireAllowance(limits.login, limitKeyOf(call.ip))
  const iss = form.get('iss') ?? null
  await askIdentity.requireIssuer(upstream, iss)
  const [error, code] = [form.get('error'), form.get('code')]
  if (error !== undefined) return afterError(needs, call, { attempt, error })
  if (code === undefined) throw new Problem('UPSTREAM_INVALID', { reason: 'answer_malformed' })
  const { identity, auth_time } = await askIdentity.identify({ upstream, attempt, answer: { code, iss } })
  const jti = `upstream:${attempt.state}`
  const expires_at = new Date((attempt.begun_at + UPSTREAM_SECONDS) * 1000)
  if (!(await assertions.redeem({ client_id: FIRST_PARTY.client_id, jti, expires_at })))
    throw over('answer_replayed')
  if (attempt.adding !== null) return addIdentity(needs, call, { upstream, identity, adding: attempt.adding })
  const interaction = interactions.open(call, attempt.interaction ?? undefined)
  return signIn(needs, call, { upstream, attempt, identity, auth_time, interaction })
}

const over = (reason: 'answer_replayed' | 'session_changed'): Problem =>
  new Problem('UPSTREAM_OVER', { reason, members: { restart: '/sign-in' } })

/** RFC 6749 §4.1.2.1 – A person who changed their mind at the provider is back where they were. */
const afterError = async (
  { interactions, turnTo }: Needs,
  call: Call,
  { attempt, error }: Readonly<{ attempt: UpstreamAttempt; error: string }>,
): Promise<Reply> => {
  if (error === 'temporarily_unavailable' || error === 'server_error')
    throw new Problem('UPSTREAM_AWAY', { reason: 'unreachable' })
  if (error !== 'access_denied') throw new Problem('UPSTREAM_INVALID', { reason: 'upstream_error' })
  if (attempt.adding !== null) return seeOther('/account/security')
  return turnTo(call, interactions.open(call, attempt.interaction ?? undefined), 'sign_in')
}

type Adding = Readonly<{
  upstream: Upstream
  identity: UpstreamIdentity
  adding: NonNullable<UpstreamAttempt['adding']>
}>

/** The browser session that asked must be there still: another person may have signed in meanwhile. */
const addIdentity = async (
  { interactions, linkIdentity }: Needs,
  call: Call,
  { upstream, identity, adding }: Adding,
): Promise<Reply> => {
  if (!isMeantFor(upstream, identity)) throw new Problem('UPSTREAM_NOT_ADMITTED', { reason: 'email_domain' })
  const session = await interactions.findSession(call)
  if (session === null || session.id !== adding.session_id || session.account.id !== adding.account_id)
    throw over('session_changed')
  await linkIdentity({
    account: session.account,
    identity,
    label: upstream.label,
    language: languageFor(call),
    request_id: call.request_id,
  })
  return seeOther('/account/security?done=linked')
}

type Identified = Readonly<{
  upstream: Upstream
  attempt: UpstreamAttempt
  identity: UpstreamIdentity
  /** When the person signed in at the provider; null where it has not said. */
  auth_time: Date | null
  interaction: Interaction
}>

const signIn = async (
  needs: Needs,
  call: Call,
  { upstream, attempt, identity, auth_time, interaction }: Identified,
): Promise<Reply> => {
  const { signInUpstream, interactions, findAsking, welcome, shownUpstreams } = needs
  const outcome = await signInUpstream({
    upstream,
    identity,
    account_id: interaction.confirmation?.account_id ?? null,
    request: {
      device_token: attempt.device_token,
      auth_time: auth_time === null ? UNKNOWN_AUTH_TIME : auth_time.getTime() / 1000,
      session: interactions.presentedSession(call),
      source: requestSourceOf(call),
      language: languageFor(call),
    },
  })
  const asking = await findAsking(interaction)
  switch (outcome.outcome) {
    case 'signed_in':
      return welcome(call, interaction, outcome)
    case 'second_factor_needed': {
      const second_factor = { ...outcome.offer, isStepUp: false, first_amr: UPSTREAM_AMR }
      const shown = shownFactorsOf(second_factor)
      const page = (sealed: string) => secondFactorPage({ sealed, asking, ...shown, fault: null })
      return interactions.lead(call, { ...interaction, second_factor }, { path: '/sign-in', page })
    }
    case 'proof_needed': {
      const { account_id, email } = outcome
      const upstreams = shownUpstreams().flatMap(each =>
        each.upstream.id === upstream.id || !saysAuthTime(each.upstream) ? [] : [each.upstream.id],
      )
      // Whatever the account has: a stranger with an identity of this address must not learn it.
      const confirmation = { account_id, email, hasPassword: true, hasPasskey: true, upstreams }
      const { issuer, subject } = identity
      const pending = { issuer, subject, email, label: upstream.label }
      const shown = confirmationOf(needs, { confirmation, identity: pending, asking, notice: null })
      return interactions.lead(call, { ...interaction, confirmation, identity: pending }, shown)
    }
  }
}
