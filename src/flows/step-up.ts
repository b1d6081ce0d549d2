import { type AudiencePolicy, audienceLeft } from '../domain/audience.ts'
import { amrWith } from '../domain/authentication-class.ts'
import type { Client } from '../domain/client.ts'
import { digestOf } from '../domain/digest.ts'
import { Problem } from '../domain/problem.ts'
import type { Origin, RefreshTransport } from '../domain/refresh-family.ts'
import { type Peppers, refreshTokenAt } from '../domain/refresh-token.ts'
import { scopeLeft } from '../domain/scope.ts'
import type { Issue } from '../grants/issue.ts'
import type { Blocklist, Clients, Metrics, Random, RefreshFamilies } from '../ports.ts'
import type { Bearer } from './bearer.ts'
import type { Conduct } from './ceremony.ts'
import type { KnownDevices } from './known-devices.ts'
import type { Offer, OfferFactors } from './offer-factors.ts'
import { SALT_BYTES, type TokenPair, toTokenPair } from './open-sign-in.ts'
import type { Proof, ProveFactor } from './second-factor.ts'

type Needs = Readonly<{
  clients: Clients
  conduct: Conduct
  offerFactors: OfferFactors
  proveFactor: ProveFactor
  knownDevices: KnownDevices
  refreshFamilies: RefreshFamilies
  blocklist: Blocklist
  issue: Issue
  random: Random
  peppers: Peppers
  policy: AudiencePolicy
  metrics: Metrics
  originsOf: (client: Client) => readonly string[]
  access_token_seconds: number
}>

/** `handle` is that of the ceremony; a passkey needs one, because its challenge is there. */
type SecondHalf = Readonly<{
  handle: string | null
  proof: Proof
  device_token: string | null
  origin: Origin
}>
type SteppedUp = Readonly<{ tokens: TokenPair; refresh_transport: RefreshTransport }>

const NO_CHALLENGE = new Uint8Array()

/**
 * RFC 9470 §5 – Turns a sign-in into one of a higher class, or into a fresh one: a new family with another `auth_time`, while the
 * one that it was ends. A family never changes its class, so that no token from before can be refreshed into one after.
 */
export const createStepUp = (needs: Needs) => {
  const challengeOf = async (handle: string | null, family_id: string) => {
    if (handle === null) return { payload: NO_CHALLENGE, finish: async () => {} }
    return needs.conduct.resume({ handle, purpose: 'step_up', family_id })
  }

  return {
    begin: async ({ account, claims }: Bearer, device_token: string | null): Promise<Offer> => {
      const { client_id, sid } = claims
      const occasion = { purpose: 'step_up', account, family_id: sid ?? null, client_id } as const
      // The family's own transport stays; this one decides nothing.
      const offer = await needs.offerFactors({
        ...occasion,
        refresh_transport: 'body',
        isKnownDevice: needs.knownDevices.recognise(device_token, account) !== null,
      })
      if (offer === null) throw new Problem('AUTHENTICATION_UNMET', 'no_second_factor')
      return offer
    },

    finish: async (
      bearer: Bearer,
      { handle, proof, device_token, origin }: SecondHalf,
    ): Promise<SteppedUp> => {
      const { account, claims } = bearer
      const client = await needs.clients.find(claims.client_id)
      if (client === null || claims.sid === undefined) throw new Problem('AUTH_TOKEN_INVALID', 'no_sign_in')
      const { payload: challenge, finish } = await challengeOf(handle, claims.sid)
      const device = needs.knownDevices.recognise(device_token, account)
      const asked = { account_id: account.id, challenge, origins: needs.originsOf(client), device }
      const amr = amrWith(claims.amr ?? [], await needs.proveFactor(proof, asked))
      await finish()
      return replace(needs, bearer, client, { replaces: claims.sid, amr, origin })
    },
  }
}

export type StepUp = ReturnType<typeof createStepUp>

type Replacement = Readonly<{ replaces: string; amr: readonly string[]; origin: Origin }>

const replace = async (
  needs: Needs,
  { account }: Bearer,
  client: Client,
  change: Replacement,
): Promise<SteppedUp> => {
  const { refreshFamilies, blocklist, issue, random, peppers, policy, metrics, access_token_seconds } = needs
  const id = random.uuid()
  const salt = random.bytes(SALT_BYTES)
  const [pepper] = peppers
  const refresh_token = refreshTokenAt({ family_id: id, salt, generation: 0 }, pepper)
  const prepared = await issue.prepare(client, { sub: account.id, sid: id })
  const family = await refreshFamilies.stepUp({
    ...change,
    id,
    user_id: account.id,
    credential_epoch: account.credential_epoch,
    salt,
    pepper_id: pepper.id,
    token_digest: digestOf(refresh_token),
  })
  if (family === null) throw new Problem('AUTH_TOKEN_INVALID', 'ended_meanwhile')
  await blocklist.add([{ kind: 'sid', value: change.replaces }], access_token_seconds)
  const left = {
    scope: scopeLeft(family.scope, client.scope),
    audience: audienceLeft(client, family.audience, policy),
  }
  const access = await issue.toFamily(family, left, prepared)
  const tokens = toTokenPair(access, refresh_token, family)
  metrics.issued('step_up')
  return { tokens, refresh_transport: family.refresh_transport }
}
