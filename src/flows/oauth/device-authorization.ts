import { scopeAskedFor } from '../../domain/authorization/authorization-request.ts'
import {
  DEVICE_CODE_SECONDS,
  DEVICE_GRANT,
  type DeviceCode,
  deviceCodeOf,
  POLL_SECONDS,
  type UserCode,
  userCodeOf,
  writtenUserCode,
} from '../../domain/authorization/device-code.ts'
import { digestOf } from '../../domain/base/digest.ts'
import { SECRET_BYTES } from '../../domain/base/personal-secret.ts'
import type { RequireLength } from '../../domain/oauth/access-token-length.ts'
import { type AudiencePolicy, audienceFor } from '../../domain/oauth/audience.ts'
import type { Client } from '../../domain/oauth/client.ts'
import type { Form } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { RequestSource } from '../../domain/sign-in/refresh-family.ts'
import type { AuthenticateClient, ClientRequest } from '../../grants/client-authentication.ts'
import type { DeviceAuthorizations } from '../../ports/device-authorizations.ts'
import type { Random } from '../../ports/effects.ts'
import type { Limit } from '../../ports/limits.ts'
import { audienceOfGrant } from './answer-with-code.ts'

type Needs = Readonly<{
  authenticateClient: AuthenticateClient
  deviceAuthorizations: DeviceAuthorizations
  policy: AudiencePolicy
  requireLength: RequireLength['requireLength']
  random: Random
  /** For one public client at one address: a stranger can ask in the name of a public client, and each request is a row. */
  deviceLimit: Limit
}>

type DeviceRequest = ClientRequest & Readonly<{ source: RequestSource }>

type DeviceAuthorizationResponse = Readonly<{
  device_code: DeviceCode
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  expires_in: number
  interval: number
}>

export type AuthorizeDevice = (
  request: DeviceRequest,
) => Promise<Readonly<{ client_id: string; codes: DeviceAuthorizationResponse }>>

/**
 * RFC 8628 §3.1, §3.2 – Gives a device its two codes: one to poll with, one that its person types elsewhere. What it asks for is judged now,
 * and not widened by anything later.
 */
export const createAuthorizeDevice =
  (needs: Needs): AuthorizeDevice =>
  async ({ source, ...request }) => {
    const { policy, random, requireLength } = needs
    const client = await needs.authenticateClient(request)
    const { client_id } = client
    if (!client.grant_types.includes(DEVICE_GRANT))
      throw new OAuthError('grant_type_not_registered', { client_id, grant_type: DEVICE_GRANT })
    if (client.token_endpoint_auth_method === 'none') await requireDeviceAllowance(needs, client, request)
    const asked = judgeAsked(client, request.form, policy)
    requireLength(client, { ...asked.token, jkt: null })
    const device_code = deviceCodeOf(random.bytes(SECRET_BYTES))
    const user_code = await addUnderFreeCode(needs, {
      digest: digestOf(device_code),
      client_id,
      ...asked.kept,
      source,
    })
    const verification_uri = `${policy.issuer}/device`
    const written = writtenUserCode(user_code)
    const codes = {
      device_code,
      user_code: written,
      verification_uri,
      verification_uri_complete: `${verification_uri}?user_code=${written}`,
      expires_in: DEVICE_CODE_SECONDS,
      interval: POLL_SECONDS,
    }
    return { client_id, codes }
  }

const requireDeviceAllowance = async (
  { deviceLimit }: Needs,
  { client_id }: Client,
  { limit_key }: ClientRequest,
): Promise<void> => {
  const allowance = await deviceLimit.consume(`${limit_key} ${client_id}`)
  if (allowance?.isAllowed === false)
    throw new OAuthError('device_limit', { client_id, retry_after_seconds: allowance.reset_seconds })
}

/** Scope and resources, as the authorization endpoint judges them: for the token, and as the family keeps them. */
const judgeAsked = (client: Client, form: Form, policy: AudiencePolicy) => {
  const scope = scopeAskedFor(form, client).join(' ')
  const audience = audienceFor(client, form.resources, policy)
  const request = { audience, isAudienceGiven: form.resources.length > 0 }
  return {
    token: { scope, audience },
    kept: { scope, audience: audienceOfGrant(request, client, policy) },
  }
}

/** Of codes that may be taken at once, one in a million at most is: a second try finds a free one. */
const TRIES = 3

const addUnderFreeCode = async (
  { deviceAuthorizations, random }: Needs,
  request: Omit<Parameters<DeviceAuthorizations['add']>[0], 'user_code'>,
): Promise<UserCode> => {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const user_code = userCodeOf(random.bytes(SECRET_BYTES))
    if (await deviceAuthorizations.add({ ...request, user_code })) return user_code
  }
  throw new Error('no user code was free')
}
