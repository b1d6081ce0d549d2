import { z } from 'zod'
import { digestOf, type Plain } from '../base/digest.ts'
import { judgeRegistration } from './access-token-length.ts'
import type { AudiencePolicy } from './audience.ts'
import { AUTH_METHODS, type Client, FIRST_PARTY } from './client.ts'
import { isRegistrable, isWebUri } from './redirect-uri.ts'
import { parseScope } from './scope.ts'

/** Ours: characters of a client secret, at least. Secrets are kept as SHA-256, which only high entropy makes safe. */
const SECRET_MIN_CHARACTERS = 32
const CODE_GRANT = 'authorization_code'
const MAKE_A_SECRET = 'make one with: openssl rand -hex 32'

/** RFC 7518 §6.2.2, §6.3.2, §6.4 – Members that would make a JWK a private or a symmetric key. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

const publicJwk = z
  .looseObject({ kty: z.enum(['RSA', 'EC', 'OKP']) })
  .refine(jwk => !PRIVATE_MEMBERS.some(member => member in jwk), 'must hold public keys only')

const redirectUri = z
  .string()
  .refine(
    isRegistrable,
    'must be https, http on loopback, or a private-use scheme, without user information and without a fragment',
  )

const webUri = z
  .string()
  .max(2000)
  .refine(isWebUri, 'must be https, or http on loopback, without user information and without a fragment')

const visible = z.string().regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters')

/** RFC 7591 §2 – Client metadata, with our own members. Members that are not understood are ignored, as §2 asks. */
const metadata = z
  .object({
    client_id: visible,
    client_secret: z
      .string()
      .min(SECRET_MIN_CHARACTERS, `must be ${SECRET_MIN_CHARACTERS} characters or more; ${MAKE_A_SECRET}`)
      .optional(),
    client_name: z.string().max(200).optional(),
    client_uri: webUri.optional(),
    logo_uri: webUri.optional(),
    policy_uri: webUri.optional(),
    tos_uri: webUri.optional(),
    contacts: z.array(z.string().min(1).max(255)).default([]),
    token_endpoint_auth_method: z.enum(AUTH_METHODS).default('client_secret_basic'),
    jwks: z.object({ keys: z.array(publicJwk).min(1) }).optional(),
    redirect_uris: z.array(redirectUri).default([]),
    response_types: z.array(z.string()).default([]),
    grant_types: z.array(z.string()).default([]),
    require_pkce: z.boolean().default(true),
    require_pushed_authorization_requests: z.boolean().default(false),
    default_max_age: z.number().int().min(0).optional(),
    post_logout_redirect_uris: z.array(redirectUri).default([]),
    backchannel_logout_uri: webUri.optional(),
    scope: z
      .string()
      .default('')
      .refine(scope => parseScope(scope) !== null, 'must be scope tokens separated by single spaces'),
    audience: z
      .union([
        z
          .string()
          .min(1)
          .transform(audience => [audience]),
        z.array(z.string().min(1)),
      ])
      .default([]),
    protected_resources: z.array(z.string().min(1)).default([]),
    first_party: z.boolean().default(false),
    refresh_grace_seconds: z.number().int().min(0).max(60).default(0),
    status_list: z.boolean().default(false),
  })
  .superRefine((client, context) => {
    for (const [path, message] of [...contradictions(client), ...contradictionsOfCode(client)])
      context.addIssue({ code: 'custom', path: [path], message })
  })

type Metadata = z.output<typeof metadata>
type Rule = readonly [isBroken: boolean, path: string, message: string]
type Contradiction = readonly [path: string, message: string]

const brokenOf = (rules: readonly Rule[]): readonly Contradiction[] =>
  rules.filter(([isBroken]) => isBroken).map(([, path, message]) => [path, message])

function contradictions(client: Metadata): readonly Contradiction[] {
  const method = client.token_endpoint_auth_method
  const usesSecret = method === 'client_secret_basic' || method === 'client_secret_post'
  return brokenOf([
    [
      usesSecret && client.client_secret === undefined,
      'client_secret',
      `is required by ${method}; ${MAKE_A_SECRET}`,
    ],
    [
      !usesSecret && client.client_secret !== undefined,
      'client_secret',
      `has no use with ${method}: remove it`,
    ],
    [method === 'private_key_jwt' && client.jwks === undefined, 'jwks', 'is required by private_key_jwt'],
    [
      client.first_party && method !== 'none',
      'first_party',
      'is for public clients: token_endpoint_auth_method none',
    ],
    [
      method === 'none' && client.grant_types.includes('client_credentials'),
      'grant_types',
      'client_credentials needs a confidential client',
    ],
    [
      client.client_id === FIRST_PARTY.client_id && !client.first_party,
      'client_id',
      'is the client of the account API: it must be first_party',
    ],
  ])
}

/** RFC 7591 §2.1, OpenID Connect Registration §2 – What the members that the authorization endpoint reads say of each other. */
function contradictionsOfCode(client: Metadata): readonly Contradiction[] {
  const { grant_types, response_types, redirect_uris } = client
  const usesCode = grant_types.includes(CODE_GRANT)
  const isOneOf = response_types.length === 0 || response_types.join() === 'code'
  return brokenOf([
    [usesCode && redirect_uris.length === 0, 'redirect_uris', `is required by ${CODE_GRANT}`],
    [!isOneOf, 'response_types', 'must be [] or ["code"]'],
    [
      response_types.includes('code') && !usesCode,
      'response_types',
      `code needs the grant type ${CODE_GRANT}`,
    ],
    [
      !client.require_pkce && client.token_endpoint_auth_method === 'none',
      'require_pkce',
      'false is for confidential clients only',
    ],
    [
      client.require_pushed_authorization_requests && !usesCode,
      'require_pushed_authorization_requests',
      `needs the grant type ${CODE_GRANT}`,
    ],
  ])
}

/** The clients of a CLIENTS_FILE, or every fault in it, a line each. Secrets leave as digests. */
export const parseClients = (
  json: unknown,
  policy: AudiencePolicy,
): Readonly<{ clients: readonly Client[] } | { faults: readonly string[] }> => {
  if (!Array.isArray(json)) return { faults: ['must be a JSON array of clients'] }
  const clients: Client[] = []
  const faults: string[] = []
  for (const [index, entry] of json.entries()) {
    const parsed = metadata.safeParse(entry)
    if (parsed.success) {
      const client = toClient(parsed.data)
      clients.push(client)
      const tooLong = judgeRegistration(client, policy)
      if (tooLong !== null) faults.push(`client ${index}: ${tooLong}`)
    } else
      faults.push(
        ...parsed.error.issues.map(issue =>
          `client ${index}: ${issue.path.join('.')} ${issue.message}`.trimEnd(),
        ),
      )
  }
  const ids = clients.map(client => client.client_id)
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index)))
    faults.push(`client_id ${id} is registered twice`)
  return faults.length > 0 ? { faults } : { clients }
}

/** RFC 7591 §2.1 – The grant implies the response type. */
const toClient = ({ client_secret, ...client }: Metadata): Client => ({
  ...client,
  response_types: client.grant_types.includes(CODE_GRANT) ? ['code'] : [],
  client_secret: client_secret === undefined ? undefined : digestOf(client_secret as Plain<'client_secret'>),
})
