import { z } from 'zod'
import { AUTH_METHODS, type AuthMethod, type Client, GRANT_TYPES } from '../oauth/client.ts'
import { redirectUri } from '../oauth/client-metadata.ts'
import { type ClientPolicy, parseClientRecord } from '../oauth/parse-clients.ts'
import { documentMarksOf, shownAddress, shownName } from './self-registration.ts'

/** Ours: bytes of the metadata of one client, at most. Rows of strangers are kept in memory by each instance. */
const REGISTRATION_MOST_BYTES = 4 * 1024

/** RFC 7591 §3.2.2 – What is wrong with a registration. `cause` names the member. */
export type RegistrationFault = Readonly<{
  reason: 'registration_redirect_uri' | 'registration_metadata'
  cause: string
}>

/** What a client asks to be registered as: JSON with the members that count here. */
export type RegistrationMetadata = Readonly<{
  metadata: string
  redirect_uris: readonly string[]
  token_endpoint_auth_method: AuthMethod
}>

/** RFC 6749 §4.4, RFC 8628 §5.4 – A client that registers itself acts for people, who come to it by a redirect. */
const GRANTS = GRANT_TYPES.filter(grant => grant === 'authorization_code' || grant === 'refresh_token')

const text = z.string('must be a string')
const flag = z.boolean('must be true or false').optional()
const listOf = (message: string) => z.array(z.string(message), message)

/** RFC 7517 §4, RFC 7518 §6 – The members of a public key. Others are left out. */
const publicKey = z.object({
  kty: text,
  use: text.optional(),
  key_ops: listOf('must be a list of strings').optional(),
  alg: text.optional(),
  kid: text.optional(),
  n: text.optional(),
  e: text.optional(),
  crv: text.optional(),
  x: text.optional(),
  y: text.optional(),
})

/** RFC 7591 §2 – The members that count here. "The authorization server MUST ignore any client metadata … that it does not understand." */
const request = z.object(
  {
    redirect_uris: z.array(redirectUri, 'must be a list').min(1, 'must hold a redirect URI'),
    client_name: text.optional(),
    client_uri: shownAddress,
    logo_uri: shownAddress,
    policy_uri: shownAddress,
    tos_uri: shownAddress,
    contacts: listOf('must be a list of strings').optional(),
    grant_types: listOf('must be a list of strings')
      .default(['authorization_code'])
      .transform(given => GRANTS.filter(grant => given.includes(grant)))
      .refine(grants => grants.includes('authorization_code'), 'must have authorization_code'),
    response_types: listOf('must be a list of strings')
      .default(['code'])
      .refine(types => types.length === 0 || types.includes('code'), 'must have code'),
    token_endpoint_auth_method: z
      .enum(AUTH_METHODS, `must be one of ${AUTH_METHODS.join(', ')}`)
      .default('client_secret_basic'),
    scope: text.optional(),
    jwks: z
      .object({ keys: z.array(publicKey, 'must be a list of public keys') }, 'must be a key set')
      .optional(),
    jwks_uri: z.unknown().optional(),
    post_logout_redirect_uris: listOf('must be a list of strings').optional(),
    require_pushed_authorization_requests: flag,
    require_signed_request_object: flag,
    request_object_signing_alg: text.optional(),
    default_max_age: z.number('must be a number').optional(),
    dpop_bound_access_tokens: flag,
  },
  'must be a JSON object',
)

/** RFC 7518 §6.2.2, §6.3.2, §6.4 – Left out of a key, these would make a secret look like a public key. */
const SECRET_KEY_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** RFC 7591 §2 – Reads the metadata of a request, or tells what is wrong with the first member that is refused. */
export const readRegistration = (json: unknown): RegistrationMetadata | RegistrationFault => {
  // RFC 7592 §2.2: a member of null is as one that is left out.
  const given =
    typeof json === 'object' && json !== null && !Array.isArray(json)
      ? Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null))
      : json
  const parsed = request.safeParse(given)
  if (!parsed.success) return faultOf(parsed.error, given)
  const { response_types: _, jwks_uri, client_name, redirect_uris, ...members } = parsed.data
  if (members.token_endpoint_auth_method === 'private_key_jwt' && !members.jwks && jwks_uri !== undefined)
    return metadataFault('jwks_uri: is not fetched; register the keys by value, as jwks')
  if (holdsSecretKey(given)) return metadataFault('jwks: must hold public keys only')
  const name = shownName(client_name) ?? nameOf(redirect_uris[0] ?? '')
  const metadata = JSON.stringify({
    client_name: name,
    redirect_uris: [...new Set(redirect_uris)],
    ...members,
  })
  return Buffer.byteLength(metadata) <= REGISTRATION_MOST_BYTES
    ? { metadata, redirect_uris, token_endpoint_auth_method: members.token_endpoint_auth_method }
    : metadataFault(`the metadata has more than ${REGISTRATION_MOST_BYTES} bytes: shorten the lists`)
}

const metadataFault = (cause: string): RegistrationFault => ({ reason: 'registration_metadata', cause })

const faultOf = ({ issues: [issue] }: z.ZodError, given: unknown): RegistrationFault => {
  const [member, index] = issue?.path ?? []
  const path = `${String(member ?? '')}${typeof index === 'number' ? `[${index}]` : ''}`
  const cause = `${path}${whereOf(given, issue?.path ?? [])}: ${issue?.message ?? 'unusable'}`
  return member === 'redirect_uris' ? { reason: 'registration_redirect_uri', cause } : metadataFault(cause)
}

/** The host or the scheme of the redirect URI that is meant, by which the author of a client finds it. */
const whereOf = (given: unknown, [member, index]: readonly PropertyKey[]): string => {
  if (member !== 'redirect_uris' || typeof index !== 'number') return ''
  const uris = REDIRECT_URIS.safeParse(given)
  const uri = uris.success ? uris.data.redirect_uris[index] : undefined
  return typeof uri === 'string' && URL.canParse(uri) ? ` (${nameOf(uri)})` : ''
}
const REDIRECT_URIS = z.object({ redirect_uris: z.array(z.unknown()) })

/** Ours: what people are shown of a client that calls itself nothing. */
const nameOf = (redirect_uri: string): string => {
  const { host, protocol } = new URL(redirect_uri)
  return (host === '' ? protocol : host).slice(0, 100)
}

const holdsSecretKey = (given: unknown): boolean => {
  const parsed = KEYS.safeParse(given)
  return (
    parsed.success &&
    parsed.data.jwks.keys.some(key => SECRET_KEY_MEMBERS.some(each => Object.hasOwn(key, each)))
  )
}
const KEYS = z.object({ jwks: z.object({ keys: z.array(z.looseObject({})) }) })

/** Stands for the id, which is longer than that of a client that an operator registers. */
const ANY_ID = 'registered'

/** RFC 7591 §2 – The client of such metadata, by the rules for every registration. What it may ask for is judged at each use. */
export const registeredClientOf = (
  { client_id, metadata, client_secret_digest }: Parameters<typeof parseClientRecord>[0],
  policy: ClientPolicy,
): ReturnType<typeof parseClientRecord> => {
  const parsed = parseClientRecord({ client_id: ANY_ID, metadata, client_secret_digest }, policy)
  if ('faults' in parsed) return parsed
  const client = { ...parsed.client, client_id }
  return { client: { ...client, ...documentMarksOf(client, null) } }
}

/** RFC 7591 §3.2.1 – What the answer says of the client: its metadata as they are used. No member is null. */
export const describeRegistration = (client: Client): object => ({
  client_name: client.client_name,
  client_uri: client.client_uri,
  logo_uri: client.logo_uri,
  policy_uri: client.policy_uri,
  tos_uri: client.tos_uri,
  ...(client.contacts.length > 0 ? { contacts: client.contacts } : {}),
  redirect_uris: client.redirect_uris,
  grant_types: client.grant_types,
  response_types: client.response_types,
  token_endpoint_auth_method: client.token_endpoint_auth_method,
  scope: client.scope,
  jwks: client.jwks,
  ...(client.post_logout_redirect_uris.length > 0
    ? { post_logout_redirect_uris: client.post_logout_redirect_uris }
    : {}),
  ...(client.require_pushed_authorization_requests ? { require_pushed_authorization_requests: true } : {}),
  ...(client.require_signed_request_object ? { require_signed_request_object: true } : {}),
  request_object_signing_alg: client.request_object_signing_alg,
  default_max_age: client.default_max_age,
  ...(client.dpop_bound_access_tokens ? { dpop_bound_access_tokens: true } : {}),
})
