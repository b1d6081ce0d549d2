import {
  type AnswerTarget,
  answerTargetOf,
  QUERY_MAX_CHARACTERS,
  redirectUriOf,
} from '../../domain/authorization/authorization-request.ts'
import { parsePushedRequestUri } from '../../domain/authorization/pushed-request.ts'
import { digestOf } from '../../domain/base/digest.ts'
import { Problem } from '../../domain/base/problem.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { parseParameters } from '../../domain/oauth/form.ts'
import { matchRedirectUri } from '../../domain/oauth/redirect-uri.ts'
import type { PushedRequests } from '../../ports/authorization.ts'
import type { Clients } from '../../ports/clients.ts'

type Needs = Readonly<{ clients: Clients; pushedRequests: PushedRequests }>

/** RFC 6749 §3.1.2.4, §4.1.2.1 – The client and where its answers go; whatever is wrong with either is for the person to see. */
export const proveTarget = async (needs: Needs, query: string) => {
  const sent = readQuery(query)
  const client = await needs.clients.find(sent.form.get('client_id') ?? '')
  if (client === null) throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'client_unknown' })
  const pushed = sent.form.get('request_uri') ?? null
  const { form, faults } = pushed === null ? sent : readQuery(await findPushed(needs, client, pushed))
  const redirect_uri = redirectUriOf(client, form)
  if (redirect_uri === null)
    throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'redirect_uri_not_registered' })
  const target = answerTargetOf(client.client_id, redirect_uri, form)
  return { form, client, target, pushed, faults: faults.values() }
}

const readQuery = (query: string) => {
  if (query.length > QUERY_MAX_CHARACTERS)
    throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'request_too_long' })
  const { form, faults } = parseParameters(query)
  if (['client_id', 'redirect_uri', 'request_uri', ''].some(name => faults.has(name)))
    throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'parameter_repeated' })
  return { form, faults }
}

/** RFC 9126 §4 – The parameters that the client has pushed: beside them, the address says nothing that counts (RFC 9101 §5). */
const findPushed = async (
  { pushedRequests }: Needs,
  { client_id }: Client,
  pushed: string,
): Promise<string> => {
  const request_uri = parsePushedRequestUri(pushed)
  const found = request_uri && (await pushedRequests.find({ digest: digestOf(request_uri), client_id }))
  if (found === null) throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'request_uri_invalid' })
  return found.parameters
}

/** The same for a request that was proved on an earlier page: its registration may have changed since. */
export const requireClient = async (
  { clients }: Pick<Needs, 'clients'>,
  { client_id, redirect_uri }: AnswerTarget,
): Promise<Client> => {
  const client = await clients.find(client_id)
  if (client === null) throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'client_unknown' })
  if (matchRedirectUri(client, redirect_uri) === null)
    throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'redirect_uri_not_registered' })
  return client
}
