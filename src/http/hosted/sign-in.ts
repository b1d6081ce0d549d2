import type { SignUpMode } from '../../domain/account/invitation.ts'
import { asAnotherPerson, withoutPrompt } from '../../domain/authorization/interaction.ts'
import {
  expiryOf,
  type Interaction,
  passkeyChallengeOf,
} from '../../domain/authorization/interaction-seal.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { parseAssertion } from '../../domain/factors/assertion.ts'
import type { Assertion } from '../../domain/factors/passkey.ts'
import { FIRST_PARTY } from '../../domain/oauth/client.ts'
import type { Form } from '../../domain/oauth/form.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { PROBLEMS, type ProblemCode } from '../../domain/refusals/problem-codes.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { Proof } from '../../flows/factors/prove-factor.ts'
import type { Authorize } from '../../flows/oauth/authorize.ts'
import type { SignedInOnPages } from '../../flows/sign-in/browser-sign-in.ts'
import type { PasskeyOnPages } from '../../flows/sign-in/passkey-on-pages.ts'
import type { SecondFactorSignIn } from '../../flows/sign-in/second-factor-sign-in.ts'
import type { SignInOutcome } from '../../flows/sign-in/sign-in.ts'
import type { Credentials } from '../../flows/sign-in/sign-up.ts'
import type { Limit } from '../../ports/limits.ts'
import { type SecondFactorFault, secondFactorPage } from '../pages/second-factor.ts'
import { type SignInNotice, signInPage, type TooManyAttempts } from '../pages/sign-in.ts'
import { readPageForm } from '../server/body.ts'
import type { Cookie } from '../server/cookies.ts'
import type { Csrf } from '../server/csrf.ts'
import { onVisit } from '../server/prefetch.ts'
import { answeringProblems } from '../server/refusal.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'
import { seenOf } from '../server/seen.ts'
import { confirmationOf } from './confirmation.ts'
import { type Interactions, type PasskeyRequestOf, seeOther, shownFactorsOf } from './interactions.ts'
import type { FindAsking, ReplyWith, ShowStep, TurnTo, Welcome } from './progress.ts'

type Needs = Readonly<{
  authorize: Authorize
  signInOnPages: (credentials: Credentials) => Promise<SignInOutcome<SignedInOnPages>>
  secondFactorOnPages: SecondFactorSignIn<SignedInOnPages>
  passkeyOnPages: PasskeyOnPages
  passkeyRequestOf: PasskeyRequestOf
  interactions: Interactions
  replyWith: ReplyWith
  showStep: ShowStep
  turnTo: TurnTo
  findAsking: FindAsking
  welcome: Welcome
  deviceCookie: Cookie
  csrf: Csrf
  sign_up: SignUpMode
  isResetOffered: boolean
  limits: Readonly<{ accounts: Limit; login: Limit }>
}>

/** Ours – The sign-in page: e-mail and password, then the second factor where there is one, then back to what asked for it. */
export const signInRoutes = (needs: Needs): readonly Route[] => [
  { ...SIGN_IN, method: 'GET', handle: onVisit(needs.showStep) },
  { ...SIGN_IN, method: 'POST', handle: needs.csrf.refuseOtherPages(handleSignInForm(needs)) },
]

const SIGN_IN = { path: '/sign-in', cors: 'none', errors: 'redirect' } as const

/** A form with the interaction that it belongs to. */
type Filled = Readonly<{ call: Call; form: Form; interaction: Interaction }>

const handleSignInForm =
  (needs: Needs): Handle =>
  async call => {
    await requireAllowance(needs.limits.accounts, limitKeyOf(call.ip))
    const form = await readPageForm(call)
    const filled = { call, form, interaction: needs.interactions.open(call, form.get('request')) }
    if (form.get('show') !== undefined) return needs.turnTo(call, filled.interaction, 'sign_in')
    if (form.get('decision') !== undefined) return selectAccount(needs, filled)
    return answeringProblems(
      () => handlerOf(filled)(needs, filled),
      problem => showAgain(needs, filled, problem),
    )(call)
  }

const handlerOf = ({ form, interaction }: Filled) => {
  if (interaction.second_factor !== null) return checkFactor
  return form.get('passkey') === undefined ? checkPassword : checkPasskey
}

const checkPassword = async (needs: Needs, { call, form, interaction }: Filled): Promise<Reply> => {
  const { signInOnPages, interactions, limits, deviceCookie } = needs
  await requireAllowance(limits.login, limitKeyOf(call.ip))
  const result = await signInOnPages({
    client: FIRST_PARTY,
    email: interaction.confirmation?.email ?? form.get('email') ?? '',
    password: form.get('password') ?? '',
    refresh_transport: 'cookie',
    resources: [],
    acr_values: null,
    session: interactions.presentedSession(call),
    ...seenOf(call, deviceCookie),
  })
  switch (result.outcome) {
    case 'signed_in':
      return needs.welcome(call, interaction, result)
    case 'second_factor_needed':
      return showFactor(needs, {
        call,
        interaction: { ...interaction, second_factor: { ...result.offer, isStepUp: false } },
      })
  }
}

/** A passkey alone. It is counted as a password is: it costs as many queries. */
const checkPasskey = async (needs: Needs, { call, form, interaction }: Filled): Promise<Reply> => {
  const { passkeyOnPages, interactions, limits, deviceCookie, welcome } = needs
  await requireAllowance(limits.login, limitKeyOf(call.ip))
  const signedIn = await passkeyOnPages({
    assertion: assertionOf(form),
    challenge: passkeyChallengeOf(form.get('request') ?? ''),
    expires_at: expiryOf(interaction),
    account_id: interaction.confirmation?.account_id ?? null,
    session: interactions.presentedSession(call),
    ...seenOf(call, deviceCookie),
  })
  return welcome(call, interaction, signedIn)
}

const assertionOf = (form: Form): Assertion => {
  const assertion = parseAssertion(form.get('passkey') ?? '')
  if (assertion === null) throw new Problem('AUTH_SECOND_FACTOR_INVALID', { reason: 'passkey_assertion' })
  return assertion
}

const checkFactor = async (needs: Needs, { call, form, interaction }: Filled): Promise<Reply> => {
  const { secondFactorOnPages, interactions, deviceCookie } = needs
  if (interaction.second_factor?.isStepUp) await requireSameSession(interactions, call, interaction)
  const { signedIn } = await secondFactorOnPages.finish({
    handle: interaction.second_factor?.handle ?? '',
    proof: proofOf(form),
    first_amr: interaction.second_factor?.first_amr,
    session: interactions.presentedSession(call),
    ...seenOf(call, deviceCookie),
    admit: () => {},
  })
  return needs.welcome(call, interaction, signedIn)
}

/** A step-up adds a factor to the session that began it: without that session, one factor would be a whole sign-in. */
const requireSameSession = async (
  interactions: Interactions,
  call: Call,
  { session_id }: Interaction,
): Promise<void> => {
  const session = await interactions.findSession(call)
  if (session === null || session.id !== session_id)
    throw new Problem('AUTH_CEREMONY_OVER', { reason: 'step_up_over' })
}

/** RFC 6238 §5.3 – Six digits are a code of the application, however a person spaces them; everything else is a recovery code. */
const proofOf = (form: Form): Proof => {
  if (form.get('passkey') !== undefined) return { kind: 'passkey', assertion: assertionOf(form) }
  const given = form.get('code') ?? ''
  const code = given.replaceAll(/\s/g, '')
  return /^\d{6}$/.test(code) ? { kind: 'totp', code } : { kind: 'recovery_code', code: given.trim() }
}

type Here = Pick<Filled, 'call' | 'interaction'>

const showFactor = async (
  { interactions, findAsking }: Needs,
  { call, interaction }: Here,
): Promise<Reply> => {
  const asking = await findAsking(interaction)
  const shown = shownFactorsOf(interaction.second_factor)
  return interactions.lead(call, interaction, {
    path: '/sign-in',
    page: sealed => secondFactorPage({ sealed, asking, ...shown, fault: null }),
  })
}

/** OpenID Connect Core §3.1.2.1 – The answer to `prompt=select_account`. */
const selectAccount = async (needs: Needs, { call, form, interaction }: Filled): Promise<Reply> => {
  const { authorize, interactions, replyWith } = needs
  if (interaction.request === null) return seeOther('/sign-in')
  const request =
    form.get('decision') === 'another'
      ? asAnotherPerson(interaction.request)
      : withoutPrompt(interaction.request, 'select_account')
  const { session_id } = interaction
  const presented = interactions.presentedSession(call)
  const here = { presented, session_id, limit_key: limitKeyOf(call.ip) }
  const progress = await authorize.resume({ request, ...here })
  return replyWith(call, progress, interaction)
}

/** The refusals that the page of the second factor tells a person; after any other one the sign-in begins again. */
const FACTOR_FAULTS: Readonly<Partial<Record<ProblemCode, SecondFactorFault>>> = {
  AUTH_SECOND_FACTOR_INVALID: 'wrong',
  AUTH_TOTP_CLOSED: 'closed',
}

/** The refusals that the sign-in page tells a person. */
const NOTICES: Readonly<Partial<Record<ProblemCode, SignInNotice>>> = {
  AUTH_CREDENTIALS_INVALID: 'credentials_wrong',
  AUTH_CEREMONY_OVER: 'second_factor_over',
}

/** The same for a passkey. */
const PASSKEY_NOTICES: typeof NOTICES = {
  AUTH_SECOND_FACTOR_INVALID: 'passkey_refused',
  AUTH_CREDENTIALS_INVALID: 'passkey_refused',
  AUTH_CEREMONY_OVER: 'passkey_over',
}

/** The same page again, with what was wrong. What the person typed stays, but for the password. */
const showAgain = async (needs: Needs, filled: Filled, problem: Problem): Promise<Reply | null> => {
  const { call, form, interaction } = filled
  const { interactions, findAsking, sign_up, isResetOffered, passkeyRequestOf } = needs
  const asking = await findAsking(interaction)
  const [status] = PROBLEMS[problem.code]
  const isPasskey = form.get('passkey') !== undefined
  const fault = interaction.second_factor === null ? null : factorFaultOf(problem, isPasskey)
  if (fault !== null) {
    const shown = shownFactorsOf(interaction.second_factor)
    const page = (sealed: string) => secondFactorPage({ sealed, asking, ...shown, fault })
    return interactions.show(call, interaction, { page, status, path: '/sign-in' })
  }
  const notices = isPasskey && interaction.second_factor === null ? PASSKEY_NOTICES : NOTICES
  const notice = waitOf(problem) ?? notices[problem.code] ?? null
  if (notice === null) return null
  const given = { asking, email: form.get('email') ?? '', notice, sign_up, isResetOffered }
  const page = (sealed: string) => signInPage({ sealed, passkey: passkeyRequestOf(sealed), ...given })
  const { confirmation, identity } = interaction
  const shown =
    confirmation === undefined
      ? { page, path: '/sign-in' }
      : confirmationOf(needs, { confirmation, identity, asking, notice })
  return interactions.show(call, { ...interaction, second_factor: null }, { ...shown, status })
}

const factorFaultOf = (problem: Problem, isPasskey: boolean): SecondFactorFault | null => {
  const fault = waitOf(problem) ?? FACTOR_FAULTS[problem.code] ?? null
  return fault === 'wrong' && isPasskey ? 'passkey_refused' : fault
}

const waitOf = ({ code, retry_after_seconds }: Problem): TooManyAttempts | null =>
  code === 'RATE_LIMITED' && retry_after_seconds !== null ? { wait_seconds: retry_after_seconds } : null
