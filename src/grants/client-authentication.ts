import { type Digest, digestOf, type Plain, sameDigest } from '../domain/base/digest.ts'
import { Unavailable } from '../domain/base/unavailable.ts'
import { decodeBasic } from '../domain/oauth/basic-credentials.ts'
import { type AuthMethod, byFormerSecret, type Client } from '../domain/oauth/client.ts'
import type { Form } from '../domain/oauth/form.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import type { Clients, SecretUses, SpentAssertions } from '../ports/clients.ts'
import type { Clock } from '../ports/effects.ts'
import type { Limit } from '../ports/limits.ts'
import { createVerifyAssertion, JWT_BEARER, peekClientId } from './client-assertion.ts'
import type { VerifyByClient } from './client-signature.ts'

/** The parts of a request that authenticate its client. */
export type ClientRequest = Readonly<{
  authorization: string | undefined
  form: Form
  /** The address under which its failures are counted, or the unknown pages that are open at that address. */
  limit_key: string
}>

export type AuthenticateClient = (request: ClientRequest) => Promise<Client>

type Needs = Readonly<{
  clients: Clients
  verifyByClient: VerifyByClient
  assertions: SpentAssertions
  secretUses: SecretUses
  failures: Limit
  clock: Clock
  issuer: string
}>

type Credentials =
  | Readonly<{
      method: 'client_secret_basic' | 'client_secret_post'
      client_id: string
      secret: Plain<'client_secret'>
    }>
  | Readonly<{ method: 'private_key_jwt'; client_id: string; assertion: string }>
  | Readonly<{ method: 'none'; client_id: string }>

/**
 * RFC 6749 §2.3, RFC 7523 §2.2 – Authenticates the client by exactly the one method that it registered.
 * Ours: failures are counted by client and address, because all users of one assistant come from one address; those of unknown clients
 * by address. When the count is used up, a request is refused before its credentials are compared: further guesses learn nothing.
 */
export const createAuthenticateClient = (needs: Needs): AuthenticateClient => {
  const { clients, failures } = needs
  const verify = createVerify(needs)
  return async request => {
    const named = await findNamed(clients, request)
    const key = 'refusal' in named ? request.limit_key : `${request.limit_key} ${named.credentials.client_id}`
    const exhausted = failures.isExhausted(key)
    if (exhausted)
      throw new OAuthError('token_failures_limit', { retry_after_seconds: exhausted.reset_seconds })
    try {
      if ('refusal' in named) throw named.refusal
      return await verify(named)
    } catch (error) {
      if (isFailure(error)) await countFailure(failures, key)
      throw error
    }
  }
}

type Named = Readonly<{ client: Client; credentials: Credentials }>

const findNamed = async (
  clients: Clients,
  request: ClientRequest,
): Promise<Named | Readonly<{ refusal: OAuthError }>> => {
  const credentials = readOrRefuse(request)
  if (credentials instanceof OAuthError) return { refusal: credentials }
  const found = await clients.findFor(credentials.client_id, request.limit_key)
  return 'refusal' in found ? found : { client: found.client, credentials }
}

const readOrRefuse = (request: ClientRequest): Credentials | OAuthError => {
  try {
    return readCredentials(request)
  } catch (error) {
    if (error instanceof OAuthError) return error
    throw error
  }
}

/** True for a wrong credential, and for a fault such as a registered key that cannot be used: each writes a line of the log. */
const isFailure = (error: unknown): boolean =>
  error instanceof OAuthError ? error.code === 'invalid_client' : !(error instanceof Unavailable)

const countFailure = async (failures: Limit, key: string) => {
  const allowance = await failures.consume(key)
  if (allowance?.isAllowed === false) {
    throw new OAuthError('token_failures_limit', { retry_after_seconds: allowance.reset_seconds })
  }
}

const createVerify = (needs: Needs) => {
  const verifyAssertion = createVerifyAssertion(needs)
  return async ({ client, credentials }: Named): Promise<Client> => {
    const { method, client_id } = credentials
    if (client.token_endpoint_auth_method !== method) {
      throw new OAuthError('client_method_not_registered', { client_id, auth_method: method })
    }
    if (credentials.method === 'private_key_jwt') await verifyAssertion(client, credentials.assertion)
    if (credentials.method === 'private_key_jwt' || credentials.method === 'none') return client
    const held = bySecret(client, digestOf(credentials.secret))
    if (held?.client_secret === undefined) throw new OAuthError('client_secret_wrong', { client_id })
    needs.secretUses.note(client_id, held.client_secret)
    return held
  }
}

/** The client by the secret that was presented, the present one or the former; null for a wrong one. Both are compared, whichever it is. */
const bySecret = (client: Client, presented: Digest<'client_secret'>): Client | null => {
  const { client_secret, former_secret } = client
  const isFormer = former_secret !== undefined && sameDigest(former_secret.digest, presented)
  if (client_secret !== undefined && sameDigest(client_secret, presented)) return client
  return isFormer ? byFormerSecret(client, former_secret) : null
}

/** RFC 6749 §2.3 – "The client MUST NOT use more than one authentication method in each request." */
const readCredentials = ({ authorization, form }: ClientRequest): Credentials => {
  const secret = form.get('client_secret')
  const hasAssertion =
    form.get('client_assertion') !== undefined || form.get('client_assertion_type') !== undefined
  const shown = [authorization !== undefined, secret !== undefined, hasAssertion].filter(Boolean).length
  if (shown > 1) throw new OAuthError('client_authentication_repeated')

  const client_id = form.get('client_id')
  if (authorization !== undefined) return matching(client_id, readBasic(authorization))
  if (hasAssertion) return matching(client_id, readAssertion(form))
  if (client_id === undefined) throw new OAuthError('client_authentication_missing')
  if (secret === undefined) return { method: 'none', client_id }
  return { method: 'client_secret_post', client_id, secret: secret as Plain<'client_secret'> }
}

const readBasic = (authorization: string): Credentials => {
  if (!/^basic /i.test(authorization)) throw new OAuthError('client_authentication_scheme')
  const decoded = decodeBasic(authorization)
  if (decoded === null) throw new OAuthError('client_credentials_malformed')
  return { method: 'client_secret_basic' satisfies AuthMethod, ...decoded }
}

const readAssertion = (form: Form): Credentials => {
  const assertion = form.get('client_assertion')
  if (form.get('client_assertion_type') !== JWT_BEARER) throw new OAuthError('assertion_type_unsupported')
  const client_id = assertion === undefined ? null : peekClientId(assertion)
  if (assertion === undefined || client_id === null) throw new OAuthError('assertion_malformed')
  return { method: 'private_key_jwt', client_id, assertion }
}

/** RFC 6749 §3.2.1, RFC 7521 §4.2 – A client_id beside the credentials must name the same client. */
const matching = (client_id: string | undefined, credentials: Credentials): Credentials => {
  if (client_id !== undefined && client_id !== credentials.client_id)
    throw new OAuthError('client_id_mismatch')
  return credentials
}
