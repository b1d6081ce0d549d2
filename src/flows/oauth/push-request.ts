import {
  answerTargetOf,
  judgeAuthorizationRequest,
  QUERY_MAX_CHARACTERS,
  redirectUriOf,
} from '../../domain/authorization/authorization-request.ts'
import {
  PUSHED_REQUEST_SECONDS,
  type PushedRequestUri,
  pushedRequestUriOf,
} from '../../domain/authorization/pushed-request.ts'
import { digestOf } from '../../domain/base/digest.ts'
import { SECRET_BYTES } from '../../domain/base/personal-secret.ts'
import { isSelfRegistered } from '../../domain/clients/self-registration.ts'
import type { AudiencePolicy } from '../../domain/oauth/audience.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { type Form, parseForm } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { AuthenticateClient, ClientRequest } from '../../grants/client-authentication.ts'
import type { ProveSender } from '../../grants/dpop.ts'
import type { PushedRequests } from '../../ports/authorization.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Limit } from '../../ports/limits.ts'
import { readIdTokenHint } from './read-id-token-hint.ts'
import type { ReadRequestObject } from './read-request-object.ts'

type Needs = Readonly<{
  authenticateClient: AuthenticateClient
  proveSender: ProveSender
  pushedRequests: PushedRequests
  readRequestObject: ReadRequestObject
  keys: Keys
  policy: AudiencePolicy
  random: Random
  clock: Clock
  /** Counts by address the pushes of public clients, and of clients that no operator has registered. */
  limit: Limit
}>

/** `parameters`: the form as it was sent. `proof`: the header `DPoP`. */
type PushRequest = ClientRequest & Readonly<{ parameters: string; proof: string | undefined }>

type Pushed = Readonly<{ client_id: string; request_uri: PushedRequestUri; expires_in: number }>

export type Push = (request: PushRequest) => Promise<Pushed>

/**
 * RFC 9126 §2 – Keeps an authorization request for the browser to bring by its reference. It is judged now, so that the client is told of
 * its faults, and once more when the browser comes: the registration may have changed. RFC 9126 §3: of a request object the parameters are
 * kept, so that its signature and its times count when it is pushed.
 */
export const createPushRequest =
  (needs: Needs): Push =>
  async ({ parameters, proof, ...request }) => {
    const client = await needs.authenticateClient(request)
    const { client_id } = client
    if (isOfAnyProgram(client)) await requirePushAllowance(needs.limit, request)
    const object = await needs.readRequestObject({ client, beside: request.form })
    if (object === null && client.require_signed_request_object)
      throw new OAuthError('request_not_signed', { client_id })
    judgePushed(needs, client, { form: object === null ? request.form : parseForm(object), object })
    const kept = await boundTo(withoutCredentials(object ?? parameters, client_id), () =>
      needs.proveSender(client, { proof, path: '/par' }),
    )
    if (kept.length > QUERY_MAX_CHARACTERS) throw new OAuthError('body_too_large', { client_id })
    const request_uri = pushedRequestUriOf(needs.random.bytes(SECRET_BYTES))
    await needs.pushedRequests.push({ digest: digestOf(request_uri), client_id, parameters: kept })
    return { client_id, request_uri, expires_in: PUSHED_REQUEST_SECONDS }
  }

/** Ours – A push writes a row. Any program can register a client with a secret of its own, so that the secret holds no stranger back. */
const isOfAnyProgram = (client: Client): boolean =>
  client.token_endpoint_auth_method === 'none' || isSelfRegistered(client)

const requirePushAllowance = async (limit: Limit, { limit_key }: ClientRequest): Promise<void> => {
  const allowance = await limit.consume(limit_key)
  if (allowance?.isAllowed === false)
    throw new OAuthError('push_limit', { retry_after_seconds: allowance.reset_seconds })
}

/** RFC 9126 §2.1, §2.3 – Judges the request as the authorization endpoint would, and refuses it in the answer to the client. */
const judgePushed = (
  { keys, policy, clock }: Needs,
  client: Client,
  { form, object }: Readonly<{ form: Form; object: string | null }>,
): void => {
  const { client_id } = client
  const isSigned = object !== null
  if (form.get('request_uri') !== undefined) throw new OAuthError('request_uri_pushed', { client_id })
  const redirect_uri = redirectUriOf(client, form)
  if (redirect_uri === null) throw new OAuthError('redirect_uri_not_registered', { client_id })
  const target = answerTargetOf(client_id, redirect_uri, form)
  const hinted_sub = readIdTokenHint({ keys, issuer: policy.issuer }, form, client)
  const judging = { client, target, policy, hinted_sub, pushed: null, isSigned, now: clock() }
  judgeAuthorizationRequest(form, judging)
}

const CREDENTIALS = ['client_secret', 'client_assertion', 'client_assertion_type']

/** RFC 9449 §10.1 – A proof that comes with the request binds its code as `dpop_jkt` does, and must be of the same key. */
const boundTo = async (parameters: string, prove: () => Promise<string | null>): Promise<string> => {
  const jkt = await prove()
  if (jkt === null) return parameters
  const kept = new URLSearchParams(parameters)
  const named = kept.get('dpop_jkt')
  if (named !== null && named !== jkt) throw new OAuthError('dpop_jkt_contradicted')
  kept.set('dpop_jkt', jkt)
  return kept.toString()
}

/** RFC 9126 §2.1 – What authenticates the client is no part of the request, and is not stored. */
const withoutCredentials = (parameters: string, client_id: string): string => {
  const kept = new URLSearchParams(parameters)
  for (const name of CREDENTIALS) kept.delete(name)
  kept.set('client_id', client_id)
  return kept.toString()
}
