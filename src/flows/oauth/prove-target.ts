import { AuthorizationRefused, errorAnswer } from '../../domain/authorization/authorization-answer.ts'
import {
  type AnswerTarget,
  answerTargetOf,
  QUERY_MAX_CHARACTERS,
  redirectUriOf,
} from '../../domain/authorization/authorization-request.ts'
import { parsePushedRequestUri } from '../../domain/authorization/pushed-request.ts'
import { digestOf } from '../../domain/base/digest.ts'
import type { AudiencePolicy } from '../../domain/oauth/audience.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { type Form, parseParameters } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { matchRedirectUri } from '../../domain/oauth/redirect-uri.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { PushedRequests } from '../../ports/authorization.ts'
import type { Clients } from '../../ports/clients.ts'
import type { ReadRequestObject } from './read-request-object.ts'

type Needs = Readonly<{
  clients: Clients
  pushedRequests: PushedRequests
  readRequestObject: ReadRequestObject
  policy: Pick<AudiencePolicy, 'issuer'>
}>

type AskedFor = Readonly<{
  query: string
  /** Under which a fetch of the client's document is counted: the address of the browser. */
  limit_key: string
}>

/** RFC 6749 §3.1.2.4, §4.1.2.1 – The client and where its answers go; whatever is wrong with either is for the person to see. */
export const proveTarget = async (needs: Needs, { query, limit_key }: AskedFor) => {
  const sent = readQuery(query)
  const client = await findClient(needs, { client_id: sent.form.get('client_id') ?? '', limit_key })
  const pushed = sent.form.get('request_uri') ?? null
  const kept = await tellingOutside(needs, { client, form: sent.form }, () =>
    findKept(needs, { client, form: sent.form, pushed }),
  )
  const { form, faults } = kept === null ? sent : readQuery(kept)
  const redirect_uri = redirectUriOf(client, form)
  if (redirect_uri === null)
    throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'redirect_uri_not_registered' })
  const target = answerTargetOf(client.client_id, redirect_uri, form)
  const isSigned = pushed === null && kept !== null
  return { form, client, target, pushed, isSigned, faults: faults.values() }
}

/** A client that cannot be used is for the person to see, with the reason in the log. */
const findClient = async (
  { clients }: Pick<Needs, 'clients'>,
  { client_id, limit_key }: Readonly<{ client_id: string; limit_key: string }>,
): Promise<Client> => {
  const found = await clients.findFor(client_id, limit_key)
  if ('client' in found) return found.client
  const { reason, detail } = found.refusal
  if (reason === 'client_document_limit')
    throw new Problem('RATE_LIMITED', {
      reason: 'client-documents',
      retry_after_seconds: detail.retry_after_seconds ?? 1,
    })
  throw new Problem('AUTHORIZATION_REQUEST_INVALID', { cause: found.refusal })
}

const readQuery = (query: string) => {
  if (query.length > QUERY_MAX_CHARACTERS)
    throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'request_too_long' })
  const { form, faults } = parseParameters(query)
  if (['client_id', 'redirect_uri', 'request_uri', 'request', ''].some(name => faults.has(name)))
    throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'parameter_repeated' })
  return { form, faults }
}

type Outside = Readonly<{ client: Client; form: Form }>

/**
 * RFC 9101 §5, §6.3 – The parameters of the request object, or those that the client has pushed (RFC 9126 §4): beside them, the address
 * says nothing that counts. Null where the address itself is the request.
 */
const findKept = async (
  { pushedRequests, readRequestObject }: Needs,
  { client, form, pushed }: Outside & Readonly<{ pushed: string | null }>,
): Promise<string | null> => {
  const object = await readRequestObject({ client, beside: form })
  if (object !== null || pushed === null) return object
  const { client_id } = client
  const request_uri = parsePushedRequestUri(pushed)
  if (request_uri === null) throw new OAuthError('request_uri_unsupported', { client_id })
  const found = await pushedRequests.find({ digest: digestOf(request_uri), client_id })
  if (found === null) throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'request_uri_invalid' })
  return found.parameters
}

/**
 * RFC 9101 §7 – What is wrong with a request object is told to the client where the address beside it names a registered redirect URI,
 * and to the person where it names none: where the object would lead is not proved.
 */
const tellingOutside = async <T>(
  { policy: { issuer } }: Needs,
  { client, form }: Outside,
  work: () => Promise<T>,
): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    const redirect_uri = form.get('redirect_uri') === undefined ? null : redirectUriOf(client, form)
    if (redirect_uri === null) throw new Problem('AUTHORIZATION_REQUEST_INVALID', { cause: error })
    const target = answerTargetOf(client.client_id, redirect_uri, form)
    throw new AuthorizationRefused(errorAnswer(error, { target, issuer }), error)
  }
}

/** The same for a request that was proved on an earlier page: its registration may have changed since. */
export const requireClient = async (
  needs: Pick<Needs, 'clients'>,
  { request, limit_key }: Readonly<{ request: AnswerTarget; limit_key: string }>,
): Promise<Client> => {
  const { client_id, redirect_uri } = request
  const client = await findClient(needs, { client_id, limit_key })
  if (matchRedirectUri(client, redirect_uri) === null)
    throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'redirect_uri_not_registered' })
  return client
}
