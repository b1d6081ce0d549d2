import type { JWK } from 'jose'
import { type Digest, digestOf, type Plain } from '../base/digest.ts'

/** RFC 7591 §2, OpenID Connect Core §9 – The supported client authentication methods. */
export const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const
export type AuthMethod = (typeof AUTH_METHODS)[number]

/** True for a method by which a client presents a secret. */
export const usesSecret = (method: AuthMethod): boolean =>
  method === 'client_secret_basic' || method === 'client_secret_post'

/** RFC 7518 §3.1 – Of what a client signs. Asymmetric ones only: a public key must never be usable as a shared secret. */
export const SIGNING_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const

/** RFC 7591 §2 – The grants that a client can be registered for: a test holds them to those of `src/grants/index.ts`. */
export const GRANT_TYPES = [
  'authorization_code',
  'client_credentials',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
] as const

/** Ours – One audience for which a client may exchange tokens that are addressed to it, and the most scope of such a token. */
export type ExchangePolicy = Readonly<{ audience: string; scope: string }>

/**
 * Ours – Seconds of a grace window, at most, within which only the token before the current one is answered. A longer window is for
 * clients whose processes share one stored token: each token that was superseded within it is answered. Judged in SQL, by
 * store/families/judge-families.ts.
 */
export const SHORT_GRACE_SECONDS = 60

/** Seconds of a grace window, at most. */
export const LONG_GRACE_SECONDS = 3_600

/** RFC 7591 §2 – A registered client, in the metadata's own names. */
export type Client = Readonly<{
  client_id: string
  client_name?: string | undefined
  client_uri?: string | undefined
  logo_uri?: string | undefined
  policy_uri?: string | undefined
  tos_uri?: string | undefined
  contacts: readonly string[]
  token_endpoint_auth_method: AuthMethod
  client_secret?: Digest<'client_secret'> | undefined
  jwks?: Readonly<{ keys: readonly JWK[] }> | undefined
  redirect_uris: readonly string[]
  response_types: readonly string[]
  grant_types: readonly string[]
  /** Ours: false for confidential clients only, whose requests then carry a nonce or a state instead of a challenge. */
  require_pkce: boolean
  /** RFC 9126 §6 */
  require_pushed_authorization_requests: boolean
  /** RFC 9101 §10.5 */
  require_signed_request_object: boolean
  /** OpenID Connect Registration §2 – The one algorithm of its request objects. Absent: each of SIGNING_ALGORITHMS. */
  request_object_signing_alg?: (typeof SIGNING_ALGORITHMS)[number] | undefined
  /** OpenID Connect Registration §2 – Seconds since the person proved who they are, at most, where a request has no `max_age`. */
  default_max_age?: number | undefined
  /** RFC 9449 §5.2 – Gets tokens with a proof of its key alone. */
  dpop_bound_access_tokens: boolean
  /** Ours: the secret before, of a client of the database whose secret was replaced with an overlap. */
  former_secret?: FormerSecret | undefined
  /** OpenID Connect RP-Initiated Logout §3.1 */
  post_logout_redirect_uris: readonly string[]
  /** OpenID Connect Back-Channel Logout §2.2 */
  backchannel_logout_uri?: string | undefined
  backchannel_logout_session_required?: boolean | undefined
  /** Space-separated: the scope of a request without `scope`, and the most that a request may ask for. */
  scope: string
  /** Ours: the audiences that its tokens may have, the first by default. Empty: DEFAULT_AUDIENCE. */
  audience: readonly string[]
  /** Ours: the audiences that this client serves and whose tokens it may introspect. */
  protected_resources: readonly string[]
  /** Ours: the tokens for which it may exchange those that are addressed to it (RFC 8693), the first one by default. */
  token_exchange: readonly ExchangePolicy[]
  /** Ours: may exchange sessions of its people that SESSION_VERIFIER_URL recognises for tokens. */
  session_exchange: boolean
  /** Ours: may use the account API. Public clients only. */
  first_party: boolean
  /** Ours: seconds, 0–3600, within which a superseded refresh token is answered. Above 60: the long window, never of a first_party client. */
  refresh_grace_seconds: number
  /** Ours: its access tokens get a place in the status lists (draft-ietf-oauth-status-list), which costs one insert a token. */
  status_list: boolean
  /**
   * draft-ietf-oauth-client-id-metadata-document, RFC 7591 – Of a client that a document describes, or that has registered itself: a digest
   * of what a person who consents relies on. Undefined for a client that an operator has registered.
   */
  document_digest?: Digest<'client_document'> | undefined
  /** Ours: the same for each of DOCUMENT_PARTS by itself, one digest after the other, so that people can be told what has changed. */
  document_parts?: Uint8Array | undefined
}>

/** draft-ietf-oauth-client-id-metadata-document §6 – The parts of a document that a consent depends on. `keys` includes the method that they are for. */
export const DOCUMENT_PARTS = ['name', 'redirect_uris', 'keys'] as const
export type DocumentPart = (typeof DOCUMENT_PARTS)[number]

/** Ours – A secret that was replaced, and that is taken beside the new one until its time. */
export type FormerSecret = Readonly<{ digest: Digest<'client_secret'>; expires_at: Date }>

/** Ours – A client that is registered in the database, as its row has it. */
export type ClientRecord = Readonly<{
  client_id: string
  /** JSON with the members of CLIENTS_FILE but `client_id` and `client_secret`. METADATA_MOST_BYTES at most. */
  metadata: string
  /** Null for a client without a secret. */
  client_secret_digest: Digest<'client_secret'> | null
  /** The secret before, which is taken until its time. */
  former_secret: FormerSecret | null
  /** The last use of each secret, to the hour; null: none that is known. */
  secret_used_at: Date | null
  former_secret_used_at: Date | null
  /** Another number after each change, of this client or of one that had its id before. */
  version: number
  created_at: Date
  updated_at: Date
  disabled_at: Date | null
}>

/** Ours: bytes of the metadata of one client, at most. Each instance keeps every client in memory. */
export const METADATA_MOST_BYTES = 16 * 1024

/** Ours: clients in the database, at most. Each instance keeps them in memory, and reads them all at its start. */
export const CLIENTS_MOST = 10_000

/** Ours: rows of clients that have registered themselves, at most, beside those: strangers leave operators their room. */
export const REGISTRATIONS_MOST = 10_000

/**
 * Ours – A fingerprint of the client's registered credentials, which changes with them: 128 bits of a hash, which reveal nothing of a
 * secret as long and random as a registration demands.
 */
export const credentialsHashOf = ({ token_endpoint_auth_method, client_secret, jwks }: Client): string => {
  const secret = client_secret === undefined ? null : Buffer.from(client_secret).toString('hex')
  const text = JSON.stringify([token_endpoint_auth_method, secret, jwks ?? null])
  return Buffer.from(digestOf(text as Plain<'client_credentials'>).subarray(0, 16)).toString('base64url')
}

/** Ours – The client as it was with its former secret, by which it authenticates until that secret ends. */
export const byFormerSecret = (client: Client, { digest }: FormerSecret): Client => ({
  ...client,
  client_secret: digest,
})

/**
 * OpenID Connect Back-Channel Logout §2.2 – How a client is told that its sign-in has ended, decided when the sign-in is opened. `session`:
 * each sign-in by its `sid`. `person`: the same, but by `sub` alone where everything of the person ends at once.
 */
export const LOGOUT_NOTICES = ['person', 'session'] as const
export type LogoutNotice = (typeof LOGOUT_NOTICES)[number]

/** OpenID Connect Back-Channel Logout §2.2 – How a client learns that a sign-in has ended; null: not at all. */
export const logoutNoticeOf = (client: Client): LogoutNotice | null => {
  if (client.backchannel_logout_uri === undefined) return null
  return client.backchannel_logout_session_required === true ? 'session' : 'person'
}

/** RFC 6454 §7 – True for the origin of one of its redirect URIs. The opaque origin "null" belongs to no client. */
export const hasRedirectOrigin = ({ redirect_uris }: Client, origin: string): boolean =>
  origin !== 'null' && redirect_uris.some(uri => new URL(uri).origin === origin)

/** Ours: the public client of the account API for requests that name none. */
export const FIRST_PARTY: Client = {
  client_id: 'first-party',
  client_name: 'First-party applications',
  token_endpoint_auth_method: 'none',
  contacts: [],
  redirect_uris: [],
  response_types: [],
  grant_types: ['refresh_token'],
  require_pkce: true,
  require_pushed_authorization_requests: false,
  require_signed_request_object: false,
  dpop_bound_access_tokens: false,
  post_logout_redirect_uris: [],
  scope: 'account',
  audience: [],
  protected_resources: [],
  token_exchange: [],
  session_exchange: false,
  first_party: true,
  refresh_grace_seconds: 0,
  status_list: false,
}

/** Ours: the API of the demo clients, where the services of examples/ listen. */
const DEMO_API = 'http://localhost:3000'

/** Ours: the demo client that signs people in and gets tokens for the demo API. */
export const DEMO_APP: Client = {
  ...FIRST_PARTY,
  client_id: 'demo-app',
  client_name: 'Demo application',
  audience: [DEMO_API],
}

/** Ours: the demo application that Signet serves itself, at /demo: a client like those of other people. */
export const demoWebClient = (issuer: string): Client => ({
  ...DEMO_APP,
  client_id: 'demo-web',
  redirect_uris: [`${issuer}/demo/callback`],
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token'],
  post_logout_redirect_uris: [`${issuer}/demo`],
  scope: 'openid profile email offline_access demo',
  first_party: false,
})

/** Ours: the demo client with a secret. Its tokens are for DEFAULT_AUDIENCE unless it asks for the demo API. */
export const demoClient = (
  client_secret: string,
  default_audience: string,
): Readonly<{ client: Client; client_secret: string }> => ({
  client_secret,
  client: {
    client_id: 'demo',
    client_name: 'Demo',
    token_endpoint_auth_method: 'client_secret_basic',
    client_secret: digestOf(client_secret as Plain<'client_secret'>),
    contacts: [],
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    require_pkce: true,
    require_pushed_authorization_requests: false,
    require_signed_request_object: false,
    dpop_bound_access_tokens: false,
    post_logout_redirect_uris: [],
    scope: 'demo',
    audience: [default_audience, DEMO_API],
    protected_resources: [],
    token_exchange: [],
    session_exchange: false,
    first_party: false,
    refresh_grace_seconds: 0,
    status_list: false,
  },
})
