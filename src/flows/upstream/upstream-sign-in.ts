import type { Account } from '../../domain/account/account.ts'
import type { SignUpMode } from '../../domain/account/invitation.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import type { Language } from '../../domain/base/language.ts'
import { aboutSignIn } from '../../domain/base/log-fields.ts'
import { FIRST_PARTY } from '../../domain/oauth/client.ts'
import { FIRST_ROLES } from '../../domain/oauth/roles.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { PresentedSession } from '../../domain/sign-in/browser-session.ts'
import type { TracedSource } from '../../domain/sign-in/refresh-family.ts'
import {
  isEmailTrusted,
  isMeantFor,
  type Upstream,
  type UpstreamIdentity,
} from '../../domain/upstream/upstream.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Random } from '../../ports/effects.ts'
import type { Identities } from '../../ports/identities.ts'
import type { Limit } from '../../ports/limits.ts'
import type { KnownDevices } from '../access/known-devices.ts'
import { namingSignIn } from '../access/naming-sign-in.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import type { SignedInOnPages } from '../sign-in/browser-sign-in.ts'
import type { CompleteSignIn } from '../sign-in/complete-sign-in.ts'
import type { SecondFactorSignIn } from '../sign-in/second-factor-sign-in.ts'
import type { SignInOutcome } from '../sign-in/sign-in.ts'

type Needs = Readonly<{
  accounts: Accounts
  identities: Identities
  knownDevices: KnownDevices
  demandSecondFactor: SecondFactorSignIn<SignedInOnPages>['demand']
  completeSignIn: CompleteSignIn<SignedInOnPages>
  /** Opens the sign-in of an account that was just made, and asks for a confirmation of its address. */
  completeSignUp: CompleteSignIn<SignedInOnPages>
  random: Random
  sign_up: SignUpMode
  /** New accounts of one address. */
  limit: Limit
}>

/** RFC 8176 has no method for a sign-in that another issuer vouches for: it adds none, and its class is one factor. */
export const UPSTREAM_AMR: readonly string[] = []

/** The browser of the person who came back from a provider. */
export type ComesBack = Readonly<{
  device_token: string | null
  /** Seconds since 1970 at which the person signed in at the provider; UNKNOWN_AUTH_TIME where it has not said. */
  auth_time: number
  session: PresentedSession | null
  source: TracedSource
  language: Language
}>

type Given = Readonly<{
  upstream: Upstream
  identity: UpstreamIdentity
  /** The account that it must be; null where it may be every account, or a new one. */
  account_id: string | null
  request: ComesBack
}>

/** An identity of no account, whose address an account has: its owner has to prove that it is theirs. */
export type ProofNeeded = Readonly<{ outcome: 'proof_needed'; account_id: string; email: string }>

/**
 * Ours – Signs in the person of an identity. An identity without an account gets a new one where that is allowed. It never gets one that is
 * there because of its address: the address at a provider may be another person's by now, or may never have been proved.
 */
export const createUpstreamSignIn =
  (needs: Needs) =>
  async ({
    upstream,
    identity,
    account_id,
    request,
  }: Given): Promise<SignInOutcome<SignedInOnPages> | ProofNeeded> => {
    if (!isMeantFor(upstream, identity))
      throw new Problem('UPSTREAM_NOT_ADMITTED', { reason: 'email_domain' })
    const owner = await needs.identities.findOwner(identity)
    if (account_id !== null && owner?.id !== account_id)
      throw new Problem('UPSTREAM_NOT_ADMITTED', { reason: 'of_another' })
    if (owner !== null) return signIn(needs, owner, request)
    if (identity.email === null) throw new Problem('UPSTREAM_NOT_ADMITTED', { reason: 'email_absent' })
    const { email } = identity
    if ((await needs.accounts.findByEmail(email)) !== null)
      return signInOrProve(needs, { ...identity, email }, request)
    if (!upstream.create_accounts || needs.sign_up !== 'open')
      throw new Problem('UPSTREAM_NOT_ADMITTED', { reason: 'account_absent' })
    return signUp(needs, { upstream, identity: { ...identity, email }, account_id, request })
  }

export type UpstreamSignIn = ReturnType<typeof createUpstreamSignIn>

const signIn = async (
  { knownDevices, demandSecondFactor, completeSignIn }: Needs,
  account: Account,
  request: ComesBack,
): Promise<SignInOutcome<SignedInOnPages>> =>
  namingSignIn(aboutSignIn({ sub: account.id }), async () => {
    if (account.disabled_at !== null)
      throw new Problem('UPSTREAM_NOT_ADMITTED', { reason: 'account_disabled' })
    const device = knownDevices.recognise(request.device_token, account)
    const asked = { ...ON_PAGES, account, acr_values: null, device }
    const offer = await demandSecondFactor(asked)
    if (offer !== null) return { outcome: 'second_factor_needed', account, offer }
    return completeSignIn({ ...request, ...ON_PAGES, account, amr: UPSTREAM_AMR })
  })

const ON_PAGES = { client: FIRST_PARTY, refresh_transport: 'cookie', resources: [] } as const

type New = Given & Readonly<{ identity: UpstreamIdentity & Readonly<{ email: string }> }>

/** Of two requests of one person at once, one makes the account, and the other one finds it. */
const signUp = async (
  needs: Needs,
  { upstream, identity, request }: New,
): Promise<SignInOutcome<SignedInOnPages> | ProofNeeded> => {
  const { identities, random, completeSignUp, limit } = needs
  await requireAllowance(limit, limitKeyOf(request.source.ip))
  const made = await identities.createAccount({
    ...identity,
    id: random.uuid(),
    identity_id: random.uuid(),
    isEmailVerified: isEmailTrusted(upstream, identity),
    roles: FIRST_ROLES,
    language: request.language,
  })
  if (made !== 'taken') {
    const signedIn = await completeSignUp({ ...request, ...ON_PAGES, account: made, amr: UPSTREAM_AMR })
    return { ...signedIn, isNewDevice: false }
  }
  return signInOrProve(needs, identity, request)
}

/** An account has the address: the one of this person, which another request may have made meanwhile, or one that they have to prove. */
const signInOrProve = async (
  needs: Needs,
  identity: UpstreamIdentity & Readonly<{ email: string }>,
  request: ComesBack,
): Promise<SignInOutcome<SignedInOnPages> | ProofNeeded> => {
  const { email } = identity
  const holder = await needs.accounts.findByEmail(email)
  const owner = await needs.identities.findOwner(identity)
  if (owner !== null) return signIn(needs, owner, request)
  if (holder === null) throw new Problem('UPSTREAM_OVER', { reason: 'session_changed' })
  return { outcome: 'proof_needed', account_id: holder.id, email }
}
