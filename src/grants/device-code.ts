import {
  DEVICE_GRANT,
  DEVICE_REFUSALS,
  type DeviceRedemption,
  parseDeviceCode,
} from '../domain/authorization/device-code.ts'
import { aboutSignIn } from '../domain/base/log-fields.ts'
import type { Peppers } from '../domain/base/pepper.ts'
import type { RequireLength } from '../domain/oauth/access-token-length.ts'
import { type AudiencePolicy, audienceFor } from '../domain/oauth/audience.ts'
import { type Client, logoutNoticeOf } from '../domain/oauth/client.ts'
import { requireParameter } from '../domain/oauth/form.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import { namesPerson, retryProofOf } from '../domain/sign-in/refresh-token.ts'
import type { DeviceAuthorizations } from '../ports/device-authorizations.ts'
import type { Random } from '../ports/effects.ts'
import { type Asked, answerBought, answerRepeated, grantLeft } from './authorization-code.ts'
import type { Grant, GrantRequest } from './grant.ts'
import type { Issue, Prepared } from './issue.ts'
import { mintFamily, senderKeyOf } from './mint-family.ts'

type Needs = Readonly<{
  deviceAuthorizations: DeviceAuthorizations
  issue: Issue
  random: Random
  peppers: Peppers
  refresh_token_version: number
  policy: AudiencePolicy
  isBounded: RequireLength['isBounded']
}>

/**
 * RFC 8628 §3.4, §3.5 – Trades a device code for tokens once its person has allowed it; until then each request is a poll. The verdict is
 * the store's, on the locked row, with the family opened in the same statement.
 */
export const createDeviceCodeGrant = (needs: Needs): Grant => ({
  grant_type: DEVICE_GRANT,
  exchange: async request => {
    const { deviceAuthorizations } = needs
    const { client } = request
    const code = readPresented(needs, request)
    const jkt = await request.proveSender()
    const presented = { ...code, sender_key: senderKeyOf(client, jkt) }
    const allowed = isReadFirst(needs, client) ? await deviceAuthorizations.findAllowed(presented) : null
    const { minted, refresh_token } = mintFamily(needs, allowed && allowed.user_id)
    const asked = { client, resources: presented.resources, jkt }
    const prepared = await prepare(needs, asked, { allowed, sid: minted.id })
    const isPrepared = prepared !== null
    const outcome = await deviceAuthorizations.redeem({ ...presented, family: minted, isPrepared })
    switch (outcome.verdict) {
      case 'redeemed':
        if (prepared === null) throw new Error('a device code was redeemed without its preparation')
        return answerBought(needs, asked, { bought: outcome.bought, refresh_token, prepared })
      case 'repeated':
        return answerRepeated(needs, asked, outcome.bought)
      case 'pending':
      case 'too_early':
      case 'denied':
      case 'expired':
      case 'spent':
      case 'unknown_code':
      case 'wrong_client':
      case 'resource_exceeded':
      case 'account_disabled':
      case 'epoch_passed':
      case 'consent_withdrawn': {
        const about = aboutSignIn({ sub: outcome.user_id, client_id: client.client_id })
        throw new OAuthError(DEVICE_REFUSALS[outcome.verdict], about)
      }
    }
  },
})

type Presented = Omit<DeviceRedemption, 'family' | 'isPrepared'>

/** What the client may not ask for at all is refused before the code is looked at: it stays usable. */
const readPresented = (
  { policy }: Needs,
  { client, form, source, idempotency_key }: GrantRequest,
): Omit<Presented, 'sender_key'> => {
  const digest = parseDeviceCode(requireParameter(form, 'device_code'))
  const { client_id } = client
  if (digest === null) throw new OAuthError('device_malformed', { client_id })
  const resources = form.resources.length > 0 ? audienceFor(client, form.resources, policy) : []
  return {
    digest,
    client_id,
    resources,
    logout_notice: logoutNoticeOf(client),
    retry_proof: retryProofOf({ idempotency_key, client_id, scope: null, resources }),
    source,
  }
}

/**
 * True where a code is looked up before its redemption: its token might be too long, or takes a place in a list, which polls must not fill;
 * or its refresh token names the person.
 */
const isReadFirst = ({ isBounded, refresh_token_version }: Needs, client: Client): boolean =>
  client.status_list || !isBounded(client) || namesPerson(refresh_token_version)

type Allowed = Awaited<ReturnType<DeviceAuthorizations['findAllowed']>>

/** Before the redemption: what fails after it is a 503 to a client whose code is spent. Null for a code that is not allowed yet. */
const prepare = async (
  needs: Needs,
  asked: Asked,
  { allowed, sid }: Readonly<{ allowed: Allowed; sid: string }>,
): Promise<Prepared | null> => {
  const { client } = asked
  if (allowed === null && isReadFirst(needs, client)) return null
  const grant = grantLeft(needs, asked, allowed ?? { scope: client.scope, audience: [] })
  return needs.issue.prepare(client, grant, allowed && { sub: allowed.user_id, sid })
}
