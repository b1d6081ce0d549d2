import type { Peppers } from '../../domain/base/pepper.ts'
import { amrWith } from '../../domain/oauth/acr.ts'
import { type AudiencePolicy, audienceOfSignIn, registeredResources } from '../../domain/oauth/audience.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { scopeLeft } from '../../domain/oauth/scope.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { AskClaims, ClaimsOccasion } from '../../domain/sign-in/claims-hook.ts'
import type { ExtraClaims } from '../../domain/sign-in/extra-claims.ts'
import type { NamedFamily, RefreshTransport, TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { Issue } from '../../grants/issue.ts'
import { mintFamily } from '../../grants/mint-family.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Metrics, Random } from '../../ports/effects.ts'
import type { Limit } from '../../ports/limits.ts'
import type { LivingFamily, RefreshFamilies } from '../../ports/sign-ins.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'
import type { KnownDevices } from '../access/known-devices.ts'
import { refuseExhausted, requireAllowance } from '../access/require-allowance.ts'
import { type RequireResources, refusingResources, resourceRefused } from '../access/require-resources.ts'
import type { Offer, OfferFactors } from '../factors/offer-factors.ts'
import type { OwnFactorProof, ProveOwnFactor } from '../factors/prove-own-factor.ts'
import { type TokenPair, toTokenPair } from './open-sign-in.ts'

type Needs = Readonly<{
  clients: Clients
  offerFactors: OfferFactors
  knownDevices: KnownDevices
  proveOwnFactor: ProveOwnFactor
  refreshFamilies: RefreshFamilies
  issue: Issue
  askClaims: AskClaims
  random: Random
  peppers: Peppers
  refresh_token_version: number
  policy: AudiencePolicy
  requireResources: RequireResources
  metrics: Metrics
  signInLimit: Limit
}>

type SecondHalf = OwnFactorProof &
  Readonly<{
    /** RFC 8707 – Empty: the default resources of the sign-in. */
    resources: readonly string[]
    source: TracedSource
  }>
type SteppedUp = Readonly<{ sid: string; tokens: TokenPair; refresh_transport: RefreshTransport }>

/**
 * RFC 9470 §5 – Replaces a sign-in with a fresh one, of a higher class where it had one factor: opens a new family with a new `auth_time`
 * and ends the former family. A family never changes its class, so that no older token can be refreshed into one of the higher class.
 */
export const createStepUp = (needs: Needs) => ({
  begin: async ({ account, claims }: Bearer, device_token: string | null): Promise<Offer> => {
    const { client_id, sid } = claims
    const occasion = { purpose: 'step_up', account, family_id: sid ?? null, client_id } as const
    // A step-up uses neither: the new family keeps the transport of the former one, and `finish` is given the resources.
    const offer = await needs.offerFactors({
      ...occasion,
      refresh_transport: 'body',
      resources: [],
      isKnownDevice: needs.knownDevices.recognise(device_token, account) !== null,
    })
    if (offer === null) throw new Problem('AUTHENTICATION_UNMET', { reason: 'no_second_factor' })
    return offer
  },

  finish: async (bearer: Bearer, { resources, source, ...shown }: SecondHalf): Promise<SteppedUp> => {
    const { account, claims } = bearer
    const client = await needs.clients.find(claims.client_id)
    if (client === null || claims.sid === undefined)
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'no_sign_in' })
    refuseExhausted(needs.signInLimit, account.id)
    const { grant, former } = await judgeGrant(needs, {
      client,
      resources,
      family_id: claims.sid,
      user_id: account.id,
      jkt: jktOf(bearer),
    })
    const amr = amrWith(claims.amr ?? [], await needs.proveOwnFactor(bearer, shown))
    // Counted only after the proof: otherwise the thief of an access token could exhaust the account's limit and lock its owner out.
    await requireAllowance(needs.signInLimit, account.id)
    const extra = former && (await needs.askClaims(occasionOf(former, amr)))
    const replacement = { replaces: claims.sid, grant, claims: extra, amr, source }
    return replace(needs, bearer, { client, resources }, replacement)
  },
})

export type StepUp = ReturnType<typeof createStepUp>

/** The new sign-in is bound to the key of the former one. */
const jktOf = ({ claims }: Bearer): string | null => claims.cnf?.jkt ?? null

type Wanted = Readonly<{ client: Client; resources: readonly string[] }>

/**
 * RFC 8707 §2.2 – The largest scope and audience that the new token may carry, judged before the proof is spent. The grant of a family
 * never changes. Throws a 422 for resources beyond the grant, or for so many that the token would be too long.
 */
const judgeGrant = async (
  { refreshFamilies, issue, policy, requireResources }: Needs,
  { client, resources, family_id, user_id, jkt }: Wanted & NamedFamily & Readonly<{ jkt: string | null }>,
) => {
  requireResources(client, resources)
  const asked = registeredResources(client, resources, policy)
  const former = await refreshFamilies.findLiving({ family_id, user_id, salt: null })
  if (!asked.every(resource => former?.audience.includes(resource)))
    throw resourceRefused(new OAuthError('resource_not_granted'))
  const grant = {
    scope: client.scope,
    audience: audienceOfSignIn(client, { resources, granted: former?.audience ?? [] }, policy),
    jkt,
  }
  refusingResources(() => issue.requireLength(client, grant))
  return { grant, former }
}

/** The bearer's own roles are those of the class that it had. */
const occasionOf = (
  { user_id: sub, client_id, scope, audience, roles }: LivingFamily,
  amr: readonly string[],
): ClaimsOccasion => ({ occasion: 'step_up', sub, client_id, scope, audience, amr, roles })

type Grant = Awaited<ReturnType<typeof judgeGrant>>['grant']
type Replacement = Readonly<{
  replaces: string
  grant: Grant
  claims: ExtraClaims | null
  amr: readonly string[]
  source: TracedSource
}>

const replace = async (
  needs: Needs,
  { account }: Bearer,
  { client, resources }: Wanted,
  { grant, ...change }: Replacement,
): Promise<SteppedUp> => {
  const { refreshFamilies, issue, policy, metrics } = needs
  const { minted, refresh_token } = mintFamily(needs, account.id)
  const prepared = await issue.prepare(client, grant, { sub: account.id, sid: minted.id })
  const family = await refreshFamilies.stepUp({
    ...change,
    ...minted,
    user_id: account.id,
    credential_epoch: account.credential_epoch,
  })
  if (family === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'ended_meanwhile' })
  const left = {
    scope: scopeLeft(family.scope, client.scope),
    audience: audienceOfSignIn(client, { resources, granted: family.audience }, policy),
    jkt: grant.jkt,
  }
  const access = await issue.toFamily(family, left, prepared)
  const tokens = toTokenPair(access, refresh_token, family)
  metrics.issued('step_up')
  return { sid: family.id, tokens, refresh_transport: family.refresh_transport }
}
