import { admitsSignUp, type SignUpMode } from '../../domain/account/invitation.ts'
import type { Interaction } from '../../domain/authorization/interaction-seal.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { FIRST_PARTY } from '../../domain/oauth/client.ts'
import type { Form } from '../../domain/oauth/form.ts'
import type { Problem } from '../../domain/refusals/problem.ts'
import { PROBLEMS } from '../../domain/refusals/problem-codes.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { Authorize } from '../../flows/oauth/authorize.ts'
import type { SignedInOnPages } from '../../flows/sign-in/browser-sign-in.ts'
import type { OfferInvitation } from '../../flows/sign-in/invitation.ts'
import type { Credentials } from '../../flows/sign-in/sign-up.ts'
import type { Limit } from '../../ports/limits.ts'
import { type SignUpFault, signUpPage } from '../pages/sign-up.ts'
import { readPageForm } from '../server/body.ts'
import type { Cookie } from '../server/cookies.ts'
import type { Csrf } from '../server/csrf.ts'
import { onVisit } from '../server/prefetch.ts'
import { answeringProblems } from '../server/refusal.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'
import { seenOf } from '../server/seen.ts'
import { type Interactions, invitationPath, seeOther } from './interactions.ts'
import type { FindAsking, ReplyWith, ShowStep, TurnTo, Welcome } from './progress.ts'

type Needs = Readonly<{
  authorize: Authorize
  replyWith: ReplyWith
  signUpOnPages: (credentials: Credentials) => Promise<SignedInOnPages>
  interactions: Interactions
  showStep: ShowStep
  turnTo: TurnTo
  findAsking: FindAsking
  welcome: Welcome
  deviceCookie: Cookie
  csrf: Csrf
  sign_up: SignUpMode
  offerInvitation: OfferInvitation
  min_characters: number
  limits: Readonly<{ accounts: Limit; register: Limit }>
}>

/** Ours – The page on which a person opens an account, and goes on signed in. */
export const signUpRoutes = (needs: Needs): readonly Route[] => [
  { ...SIGN_UP, method: 'GET', handle: onVisit(showSignUp(needs)) },
  { ...SIGN_UP, method: 'POST', handle: needs.csrf.refuseOtherPages(handleSignUpForm(needs)) },
]

const SIGN_UP = { path: '/sign-up', cors: 'none', errors: 'redirect' } as const

/** The form of an invited person: with the address that was invited, and also where the browser is signed in. */
const showSignUp =
  (needs: Needs): Handle =>
  async call => {
    const { interactions, limits, sign_up, offerInvitation, min_characters } = needs
    const [given, sealed] = [call.context.req.query('invitation'), call.context.req.query('request')]
    const interaction =
      given === undefined
        ? sealed === undefined
          ? null
          : interactions.open(call, sealed)
        : { ...interactions.begin(null), invitation: given }
    if (interaction?.invitation === undefined || !admitsSignUp(sign_up, { isInvited: true }))
      return needs.showStep(call)
    await requireAllowance(limits.accounts, limitKeyOf(call.ip))
    const email = await offerInvitation(interaction.invitation)
    const shown = { asking: null, email, min_characters, faults: [], isInvited: true }
    return interactions.show(call, interaction, {
      path: '/sign-up',
      page: again => signUpPage({ sealed: again, ...shown }),
    })
  }

type Filled = Readonly<{ call: Call; form: Form; interaction: Interaction }>

const handleSignUpForm =
  (needs: Needs): Handle =>
  async call => {
    const { interactions, limits, sign_up } = needs
    await requireAllowance(limits.accounts, limitKeyOf(call.ip))
    const form = await readPageForm(call)
    const interaction = interactions.open(call, form.get('request'))
    const { invitation } = interaction
    if (!admitsSignUp(sign_up, { isInvited: invitation !== undefined }))
      return leadToSignIn(needs, call, interaction)
    if (form.get('show') !== undefined)
      return invitation === undefined
        ? needs.turnTo(call, interaction, 'sign_up')
        : seeOther(invitationPath(invitation))
    const filled = { call, form, interaction }
    return answeringProblems(
      () => openAccount(needs, filled),
      problem => showAgain(needs, filled, problem),
    )(call)
  }

/** The page was made before sign-up was closed: the person signs in for the same request. */
const leadToSignIn = async (
  { authorize, interactions, replyWith }: Needs,
  call: Call,
  interaction: Interaction,
): Promise<Reply> => {
  const { request, session_id } = interaction
  if (request === null) return seeOther('/sign-in')
  const presented = interactions.presentedSession(call)
  const here = { presented, session_id, limit_key: limitKeyOf(call.ip) }
  return replyWith(call, await authorize.resume({ request, ...here }), interaction)
}

const openAccount = async (needs: Needs, { call, form, interaction }: Filled): Promise<Reply> => {
  const { signUpOnPages, interactions, limits, deviceCookie, welcome } = needs
  await requireAllowance(limits.register, limitKeyOf(call.ip))
  const signedIn = await signUpOnPages({
    client: FIRST_PARTY,
    email: form.get('email') ?? '',
    password: form.get('password') ?? '',
    refresh_transport: 'cookie',
    resources: [],
    acr_values: null,
    invitation: interaction.invitation,
    session: interactions.presentedSession(call),
    ...seenOf(call, deviceCookie),
  })
  return welcome(call, interaction, signedIn)
}

/** The same page again, with each field that was refused. What the person typed stays, but for the password. */
const showAgain = async (
  { interactions, findAsking, min_characters }: Needs,
  { call, form, interaction }: Filled,
  problem: Problem,
): Promise<Reply | null> => {
  const faults = faultsOf(problem)
  if (faults.length === 0) return null
  const [status] = PROBLEMS[problem.code]
  const asking = await findAsking(interaction)
  const email = form.get('email') ?? ''
  const isInvited = interaction.invitation !== undefined
  const page = (sealed: string) => signUpPage({ sealed, asking, email, min_characters, faults, isInvited })
  return interactions.show(call, interaction, { page, status, path: '/sign-up' })
}

const faultsOf = ({ code, errors }: Problem): readonly SignUpFault[] => {
  if (code === 'EMAIL_TAKEN') return [{ field: 'email', detail: 'is taken' }]
  return errors.flatMap(({ pointer, detail }): SignUpFault[] =>
    pointer === '#/email'
      ? [{ field: 'email', detail }]
      : pointer === '#/password'
        ? [{ field: 'password', detail }]
        : [],
  )
}
