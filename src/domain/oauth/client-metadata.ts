import { z } from 'zod'
import { type Digest, digestOf, type Plain } from '../base/digest.ts'
import { nearestWord } from '../base/nearest-word.ts'
import {
  AUTH_METHODS,
  type Client,
  FIRST_PARTY,
  GRANT_TYPES,
  LONG_GRACE_SECONDS,
  SIGNING_ALGORITHMS,
  usesSecret,
} from './client.ts'
import { isRegistrable, isWebUri } from './redirect-uri.ts'
import { parseScope } from './scope.ts'

/** Ours: characters of a client secret, at least. Secrets are stored as SHA-256, which is safe only for high entropy. */
const SECRET_MIN_CHARACTERS = 32
const CODE_GRANT = 'authorization_code'
const MAKE_A_SECRET = 'make one with: openssl rand -hex 32'

/** The words of a refusal where one of several values is asked for. */
const oneOf = (values: readonly string[]) => ({
  error: ({ input }: { input?: unknown }) => {
    const meant = typeof input === 'string' ? nearestWord(input, values) : null
    const given = typeof input === 'string' ? `, not ${JSON.stringify(input.slice(0, 60))}` : ''
    return `must be one of ${values.join(', ')}${given}${meant === null ? '' : `; did you mean ${meant}?`}`
  },
})

/** RFC 7518 §6.2.2, §6.3.2, §6.4 – Members that would make a JWK a private or a symmetric key. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

export const publicJwk = z
  .looseObject({ kty: z.enum(['RSA', 'EC', 'OKP'], oneOf(['RSA', 'EC', 'OKP'])) }, 'must be a public key')
  .refine(jwk => !PRIVATE_MEMBERS.some(member => member in jwk), 'must hold public keys only')

/** Ours: a `*` would match as it is written, and nothing else. */
const isLiteral = (value: string): boolean => !value.includes('*')

/** RFC 6749 §3.1.2 – A redirect URI that may be registered. */
export const redirectUri = z
  .string('must be a string')
  .refine(isLiteral, 'must not contain *, since wildcards are not supported: register each address')
  .refine(
    isRegistrable,
    'must be https, http on loopback, or a private-use scheme, without user information and without a fragment',
  )

const webUri = z
  .string('must be a string')
  .max(2000, 'must be 2000 characters at most')
  .refine(isWebUri, 'must be https, or http on loopback, without user information and without a fragment')

const audience = z
  .string('must be a string')
  .min(1, 'must not be empty')
  .refine(isLiteral, 'must not contain *, since wildcards are not supported: register each audience')

const scopeText = z
  .string('must be a string of scope tokens separated by single spaces')
  .default('')
  .refine(scope => parseScope(scope) !== null, 'must be scope tokens separated by single spaces')
  .refine(isLiteral, 'must not contain *, since wildcards are not supported: register each scope token')

const EXCHANGE = 'must be an object with the members audience and scope'
const VISIBLE = 'must be 1 to 255 printable ASCII characters'
const GRACE = `must be a whole number from 0 to ${LONG_GRACE_SECONDS}`
const AGE = 'must be a whole number of seconds'
/** Ours – Of a name that people are shown: a mark of direction (Unicode UAX #9 §2) would turn the words of the page around it. */
const ONE_LINE = /^[^\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*$/u
const listOf = <T extends z.ZodType>(item: T) => z.array(item, 'must be a list').default([])
const flag = z.boolean('must be true or false').default(false)

/** RFC 7591 §2 – Client metadata, with our own members. Ours: a member that is not understood is refused, since it is a misspelt one. */
export const metadata = z
  .strictObject(
    {
      client_id: z
        .string({ error: ({ input }) => (input === undefined ? 'is required' : VISIBLE) })
        .regex(/^[\x20-\x7e]{1,255}$/, VISIBLE),
      client_secret: z
        .string('must be a string')
        .min(SECRET_MIN_CHARACTERS, `must be ${SECRET_MIN_CHARACTERS} characters or more; ${MAKE_A_SECRET}`)
        .optional(),
      client_name: z
        .string('must be a string')
        .max(200, 'must be 200 characters at most')
        .regex(ONE_LINE, 'must be one line, without control characters and marks of direction')
        .optional(),
      client_uri: webUri.optional(),
      logo_uri: webUri.optional(),
      policy_uri: webUri.optional(),
      tos_uri: webUri.optional(),
      contacts: listOf(
        z.string('must be a string').min(1, 'must not be empty').max(255, 'must be 255 characters at most'),
      ),
      token_endpoint_auth_method: z.enum(AUTH_METHODS, oneOf(AUTH_METHODS)).default('client_secret_basic'),
      jwks: z
        .object(
          { keys: z.array(publicJwk, 'must be a list of public keys').min(1, 'must hold a public key') },
          'must be an object with the member keys',
        )
        .optional(),
      redirect_uris: listOf(redirectUri),
      response_types: listOf(z.string('must be a string')),
      grant_types: listOf(z.enum(GRANT_TYPES, oneOf(GRANT_TYPES))),
      require_pkce: z.boolean('must be true or false').default(true),
      require_pushed_authorization_requests: flag,
      require_signed_request_object: flag,
      dpop_bound_access_tokens: flag,
      request_object_signing_alg: z.enum(SIGNING_ALGORITHMS, oneOf(SIGNING_ALGORITHMS)).optional(),
      default_max_age: z.number(AGE).int(AGE).min(0, AGE).optional(),
      post_logout_redirect_uris: listOf(redirectUri),
      backchannel_logout_uri: z
        .string('must be a string')
        .max(2000, 'must be 2000 characters at most')
        .optional(),
      backchannel_logout_session_required: z.boolean('must be true or false').optional(),
      scope: scopeText,
      audience: z.preprocess(given => (typeof given === 'string' ? [given] : given), listOf(audience)),
      protected_resources: listOf(audience),
      token_exchange: listOf(z.strictObject({ audience, scope: scopeText }, EXCHANGE)),
      session_exchange: flag,
      first_party: flag,
      refresh_grace_seconds: z.int(GRACE).min(0, GRACE).max(LONG_GRACE_SECONDS, GRACE).default(0),
      status_list: flag,
    },
    'must be an object, the metadata of one client',
  )
  .superRefine((client, context) => {
    addContradictions(client, { hasSecret: client.client_secret !== undefined }, context)
  })

const { client_secret: _, ...besideSecret } = metadata.shape

/** Ours – The same for a client of the database, whose secret is a digest beside its metadata. */
export const metadataBeside = (secret: Digest<'client_secret'> | null) =>
  secret === null ? METADATA_BESIDE.none : METADATA_BESIDE.digest

const METADATA_BESIDE = {
  digest: z
    .strictObject(besideSecret)
    .superRefine((client, context) => addContradictions(client, { hasSecret: true }, context)),
  none: z
    .strictObject(besideSecret)
    .superRefine((client, context) => addContradictions(client, { hasSecret: false }, context)),
}

/** Every member that a client may have. */
export const MEMBERS = Object.keys(metadata.shape)

export type Metadata = z.output<typeof metadata>
type Rule = readonly [isBroken: boolean, path: string, message: string]
type Contradiction = readonly [path: string, message: string]

const brokenOf = (rules: readonly Rule[]): readonly Contradiction[] =>
  rules.filter(([isBroken]) => isBroken).map(([, path, message]) => [path, message])

type Secret = Readonly<{ hasSecret: boolean }>

function addContradictions(client: Metadata, secret: Secret, context: z.RefinementCtx): void {
  const found = [
    ...contradictions(client, secret),
    ...contradictionsOfCode(client),
    ...contradictionsOfRequestObjects(client),
  ]
  for (const [path, message] of found) context.addIssue({ code: 'custom', path: [path], message })
}

function contradictions(client: Metadata, { hasSecret }: Secret): readonly Contradiction[] {
  const method = client.token_endpoint_auth_method
  const needsSecret = usesSecret(method)
  return brokenOf([
    [needsSecret && !hasSecret, 'client_secret', `is required by ${method}; ${MAKE_A_SECRET}`],
    [!needsSecret && hasSecret, 'client_secret', `has no use with ${method}: remove it`],
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
      client.first_party && client.dpop_bound_access_tokens,
      'dpop_bound_access_tokens',
      'has no place with first_party: a sign-in by the account API gets bearer tokens',
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

/** RFC 7518 §3.1, RFC 8037 §3.1 – The type of the keys of each algorithm. */
const KEY_TYPES = { RS256: 'RSA', PS256: 'RSA', ES256: 'EC', EdDSA: 'OKP' } as const

/** RFC 9101 §10.5, OpenID Connect Registration §2 – Request objects are signed by a registered key. */
function contradictionsOfRequestObjects(client: Metadata): readonly Contradiction[] {
  const { jwks, grant_types, require_signed_request_object, request_object_signing_alg: alg } = client
  const usesCode = grant_types.includes(CODE_GRANT)
  const isRequired = 'require_signed_request_object'
  const kty = alg === undefined ? null : KEY_TYPES[alg]
  const hasKey = kty === null || jwks?.keys.some(key => key.kty === kty) === true
  return brokenOf([
    [require_signed_request_object && !usesCode, isRequired, `needs the grant type ${CODE_GRANT}`],
    [require_signed_request_object && jwks === undefined, 'jwks', `is required by ${isRequired}`],
    [!hasKey, 'request_object_signing_alg', `needs a key of the type ${kty} in jwks`],
  ])
}

/** RFC 7591 §2.1 – The grant implies the response type. */
export const toClient = ({ client_secret, ...client }: Metadata): Client => ({
  ...client,
  response_types: client.grant_types.includes(CODE_GRANT) ? ['code'] : [],
  client_secret: client_secret === undefined ? undefined : digestOf(client_secret as Plain<'client_secret'>),
})
