import type { Account } from '../../domain/account/account.ts'
import type { Peppers } from '../../domain/base/pepper.ts'
import {
  type AudiencePolicy,
  audienceFor,
  audienceLeft,
  grantedAudience,
} from '../../domain/oauth/audience.ts'
import type { Client } from '../../domain/oauth/client.ts'
import type { AccessTokenResponse, TokenResponse } from '../../domain/oauth/token-response.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { AskClaims } from '../../domain/sign-in/claims-hook.ts'
import type { Family, RefreshTransport, TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { RefreshToken } from '../../domain/sign-in/refresh-token.ts'
import type { Issue } from '../../grants/issue.ts'
import { mintFamily, refreshTokenSecondsOf } from '../../grants/mint-family.ts'
import type { Metrics, Random } from '../../ports/effects.ts'
import type { Limit } from '../../ports/limits.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import { requireAllowance } from '../access/require-allowance.ts'

/** Ours (docs/decisions/0029): the tokens in the answers of register, login and refresh. */
export type TokenPair = TokenResponse &
  Readonly<{ refresh_token: RefreshToken; refresh_token_expires_in: number }>

type Needs = Readonly<{
  refreshFamilies: RefreshFamilies
  issue: Issue
  askClaims: AskClaims
  random: Random
  peppers: Peppers
  refresh_token_version: number
  policy: AudiencePolicy
  metrics: Metrics
  /** Sign-ins of one account, from all addresses together: each one that ends is an entry of the revocation feed. */
  limit: Limit
}>

export type OpenSignIn = (signIn: {
  account: Account
  client: Client
  amr: readonly string[]
  refresh_transport: RefreshTransport
  /** `requireResources` has judged them. Empty: the client's default. */
  resources: readonly string[]
  source: TracedSource
}) => Promise<Readonly<{ sid: string; tokens: TokenPair }>>

/** Opens a refresh family for a person whose credentials have been checked. Throws a 401 when they changed meanwhile. */
export const createOpenSignIn =
  ({ refreshFamilies, issue, askClaims, policy, metrics, limit, ...minting }: Needs): OpenSignIn =>
  async ({ account, client, amr, refresh_transport, resources, source }) => {
    await requireAllowance(limit, account.id)
    const { minted, refresh_token } = mintFamily(minting, account.id)
    const grant = { scope: client.scope, audience: audienceFor(client, resources, policy), jkt: null }
    const opening = {
      client_id: client.client_id,
      scope: client.scope,
      audience: grantedAudience(client, resources, policy),
      amr,
    }
    const asked = { ...opening, occasion: 'sign_in', sub: account.id, roles: account.roles } as const
    const claims = await askClaims(asked)
    const prepared = await issue.prepare(client, grant, { sub: account.id, sid: minted.id })
    const family = await refreshFamilies.open({
      ...minted,
      ...opening,
      user_id: account.id,
      credential_epoch: account.credential_epoch,
      claims,
      refresh_transport,
      sender_key: null,
      source,
    })
    if (family === null)
      throw new Problem('AUTH_CREDENTIALS_INVALID', { reason: 'credentials_changed_meanwhile' })
    const audience = audienceLeft(client, family.audience, policy)
    const tokens = await issue.toFamily(family, { scope: family.scope, audience, jkt: null }, prepared)
    metrics.issued('sign_in')
    return { sid: family.id, tokens: toTokenPair(tokens, refresh_token, family) }
  }

export const toTokenPair = (
  tokens: AccessTokenResponse,
  refresh_token: RefreshToken,
  family: Family,
): TokenPair => ({
  ...tokens,
  refresh_token,
  refresh_token_expires_in: refreshTokenSecondsOf(family),
})
