import { z } from 'zod'
import { digestOf, type Plain } from '../base/digest.ts'
import { judgeRegistration } from './access-token-length.ts'
import type { AudiencePolicy } from './audience.ts'
import { AUTH_METHODS, type Client, FIRST_PARTY } from './client.ts'
import { parseScope } from './scope.ts'

/** Ours: characters of a client secret, at least. Secrets are stored as SHA-256, which is safe only for high entropy. */
const SECRET_MIN_CHARACTERS = 32
const MAKE_A_SECRET = 'make one with: openssl rand -hex 32'

/** RFC 7518 §6.2.2, §6.3.2, §6.4 – Members that would make a JWK a private or a symmetric key. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

const publicJwk = z
  .looseObject({ kty: z.enum(['RSA', 'EC', 'OKP']) })
  .refine(jwk => !PRIVATE_MEMBERS.some(member => member in jwk), 'must hold public keys only')

/** RFC 8252 §7, RFC 6749 §3.1.2 – Absolute, without a fragment; http on loopback only; private-use schemes need a dot. */
const redirectUri = z.string().refine(uri => {
  if (!URL.canParse(uri) || uri.includes('#') || /\s/.test(uri)) return false
  const { protocol, hostname } = new URL(uri)
  if (protocol === 'https:') return true
  if (protocol === 'http:') return ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  return protocol.includes('.')
}, 'must be https, http on loopback, or a private-use scheme with a dot, without a fragment')

const visible = z.string().regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters')

/** RFC 7591 §2 – Client metadata, with members of Signet's own. Unknown members are ignored, as §2 demands. */
const metadata = z
  .object({
    client_id: visible,
    client_secret: z
      .string()
      .min(SECRET_MIN_CHARACTERS, `must be ${SECRET_MIN_CHARACTERS} characters or more; ${MAKE_A_SECRET}`)
      .optional(),
    client_name: z.string().max(200).optional(),
    token_endpoint_auth_method: z.enum(AUTH_METHODS).default('client_secret_basic'),
    jwks: z.object({ keys: z.array(publicJwk).min(1) }).optional(),
    redirect_uris: z.array(redirectUri).default([]),
    response_types: z.array(z.string()).default([]),
    grant_types: z.array(z.string()).default([]),
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
    for (const [path, message] of contradictions(client))
      context.addIssue({ code: 'custom', path: [path], message })
  })

type Metadata = z.output<typeof metadata>

function contradictions(client: Metadata): readonly (readonly [string, string])[] {
  const method = client.token_endpoint_auth_method
  const usesSecret = method === 'client_secret_basic' || method === 'client_secret_post'
  const rules: readonly (readonly [boolean, string, string])[] = [
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
  ]
  return rules.filter(([isBroken]) => isBroken).map(([, path, message]) => [path, message] as const)
}

/** The clients of a CLIENTS_FILE, with digests in place of their secrets, or every fault in the file, one a line. */
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

const toClient = ({ client_secret, ...client }: Metadata): Client => ({
  ...client,
  client_secret: client_secret === undefined ? undefined : digestOf(client_secret as Plain<'client_secret'>),
})
