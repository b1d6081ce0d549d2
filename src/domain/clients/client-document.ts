import { z } from 'zod'
import { type Client, GRANT_TYPES } from '../oauth/client.ts'
import { type ClientPolicy, parseClientRecord } from '../oauth/parse-clients.ts'
import { isRegistrable, isWebUri } from '../oauth/redirect-uri.ts'
import { documentMarksOf, shownAddress, shownName } from './self-registration.ts'

/** Bytes of a document, and of the keys that its `jwks_uri` names, at most. */
export const DOCUMENT_MAX_BYTES = 65_536

/** Milliseconds for a document and for the keys that its `jwks_uri` names, together. */
export const DOCUMENT_MILLISECONDS = 3_000

const URL_MAX_CHARACTERS = 255

/**
 * draft-ietf-oauth-client-id-metadata-document §3 – Whether a `client_id` is the address of a document: an https URL with a path, without a
 * fragment, without user information. Ours: in the one spelling that a URL parser writes, so that no document has two names, and without
 * dot segments, which that spelling excludes.
 */
export const isDocumentUrl = (client_id: string): boolean => {
  if (client_id.length > URL_MAX_CHARACTERS || !client_id.startsWith('https://')) return false
  if (client_id.includes('#') || !isWebUri(client_id)) return false
  const url = new URL(client_id)
  return url.href === client_id && url.pathname !== '/'
}

/** What a document says of its client. `jwks_uri`: where the keys are that it does not hold itself; null where none are needed from there. */
export type ClientDocument = Readonly<{ members: object; jwks_uri: string | null }>

type Refused = Readonly<{ cause: string }>

/** Ours: no control characters, and none that turn the direction of what follows: a stranger's name stands in our sentences. */
const NAME = /^[^\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+$/u

/**
 * draft-ietf-oauth-client-id-metadata-document §4 – The members of a document that count here; others are ignored. Ours: grants and
 * redirect URIs that this server does not know are left out, because one document is for all servers.
 */
const document = z.object({
  client_id: z.string(),
  client_name: z
    .string()
    .regex(NAME, 'must be a text without control characters')
    .optional()
    .transform(shownName),
  client_uri: shownAddress,
  logo_uri: shownAddress,
  policy_uri: shownAddress,
  tos_uri: shownAddress,
  contacts: z.array(z.string().min(1).max(255)).optional().catch(undefined),
  redirect_uris: z.array(z.string()).transform(uris => uris.filter(isRegistrable)),
  grant_types: z
    .array(z.string())
    .default(['authorization_code'])
    .transform(given => GRANTS.filter(grant => given.includes(grant))),
  token_endpoint_auth_method: z.enum(['none', 'private_key_jwt']).default('none'),
  scope: z.string().optional(),
  jwks: z.unknown().optional(),
  jwks_uri: z.string().optional(),
  require_pushed_authorization_requests: z.boolean().optional(),
  require_signed_request_object: z.boolean().optional(),
  request_object_signing_alg: z.string().optional(),
  default_max_age: z.number().optional(),
})

/**
 * RFC 6749 §4.4, RFC 8693 §2.1 – Never for a client that registers itself: it would get tokens without a person, or by a policy that the
 * operator has to give.
 */
const OF_OPERATORS: readonly string[] = [
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
] satisfies readonly (typeof GRANT_TYPES)[number][]
const GRANTS = GRANT_TYPES.filter(grant => !OF_OPERATORS.includes(grant))

/** draft-ietf-oauth-client-id-metadata-document §4.1 – Members that no document may have: it is public. */
const SECRETS = ['client_secret', 'client_secret_expires_at']

/** draft-ietf-oauth-client-id-metadata-document §4 – Reads the document at the address of a client, or tells why it is none. */
export const readClientDocument = (body: Uint8Array, client_id: string): ClientDocument | Refused => {
  const json = parseJson(body)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { cause: 'no JSON object' }
  const secret = SECRETS.find(member => member in json)
  if (secret !== undefined) return { cause: `${secret} is in it` }
  const parsed = document.safeParse(json)
  if (!parsed.success) return { cause: firstIssueOf(parsed.error) }
  const { client_id: named, jwks_uri, ...members } = parsed.data
  if (named !== client_id) return { cause: 'client_id is not its address' }
  const needsKeys = members.token_endpoint_auth_method === 'private_key_jwt' && members.jwks === undefined
  return { members, jwks_uri: needsKeys && jwks_uri !== undefined ? jwks_uri : null }
}

/** RFC 7517 §5 – The keys at a `jwks_uri`, as they are: they are judged with the members of the document. Undefined for no JSON. */
export const readKeys = (body: Uint8Array): unknown => parseJson(body)

/**
 * RFC 7591 §2 – The client of a document, by the rules for every registration. `jwks`: of its `jwks_uri`, undefined without one. What the
 * client may ask for is judged at each use.
 */
export const documentClientOf = (
  client_id: string,
  { document: { members, jwks_uri }, jwks }: Readonly<{ document: ClientDocument; jwks: unknown }>,
  policy: ClientPolicy,
): Readonly<{ client: Client }> | Refused => {
  const metadata = JSON.stringify({ ...members, ...(jwks_uri === null ? {} : { jwks: keysAlone(jwks) }) })
  const parsed = parseClientRecord({ client_id, metadata, client_secret_digest: null }, policy)
  if ('faults' in parsed) return { cause: parsed.faults[0] ?? 'unusable' }
  const { client } = parsed
  return { client: { ...client, ...documentMarksOf(client, jwks_uri) } }
}

/** RFC 7517 §5 – Other members of the set are ignored. */
const keysAlone = (jwks: unknown): unknown =>
  typeof jwks === 'object' && jwks !== null && 'keys' in jwks ? { keys: jwks.keys } : jwks

const parseJson = (body: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return undefined
  }
}

const firstIssueOf = ({ issues }: z.ZodError): string => {
  const [issue] = issues
  return issue === undefined ? 'unusable' : `${issue.path.join('.')}: ${issue.message}`
}
