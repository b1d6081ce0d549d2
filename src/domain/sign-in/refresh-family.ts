import type { Digest } from '../base/digest.ts'
import type { ExtraClaims } from './extra-claims.ts'
import type { Position, RefreshTokenDigest } from './refresh-token.ts'

/** The origin of a request, which the person sees in the list of sign-ins. */
export type RequestSource = Readonly<{ ip: string; user_agent: string | null }>

/** The same, with the id that the log has for the request. */
export type TracedSource = RequestSource & Readonly<{ request_id: string }>

/** How a sign-in's refresh token travels, decided when it is opened: in JSON, or in a cookie that no script can read. */
export const REFRESH_TRANSPORTS = ['body', 'cookie'] as const
export type RefreshTransport = (typeof REFRESH_TRANSPORTS)[number]

/**
 * Seconds within which the racing tabs of one browser, which share a cookie, get the same successor. Judged in SQL, by
 * store/families/judge-families.ts.
 */
export const COOKIE_GRACE_SECONDS = 10

/** Rotations whose times the row of a client with a long window keeps. */
export const ROTATIONS_REMEMBERED = 32

/**
 * Access tokens of one sign-in that may be revoked within the lifetime of one token. The next revocation ends the sign-in. Judged in SQL,
 * by store/revocations/revocations.ts.
 */
export const TOKENS_REVOKED_AT_MOST = 30

/**
 * Why a family was ended, as its row says it, and in words for an operator. The metric, the command line and docs/logs.md follow this
 * table.
 */
export const END_REASONS = {
  signed_out: 'The person signed out, or ended this sign-in from another one.',
  signed_out_elsewhere: 'The person ended all other sign-ins from another one.',
  signed_out_everywhere: 'The person signed out everywhere.',
  password_changed: 'The password was changed, or set anew by a mailed link.',
  factors_changed: 'A second factor was added or removed by another sign-in, or removed by an operator.',
  stepped_up: 'A step-up replaced this sign-in with a new one.',
  revoked: 'The client revoked the refresh token at /revoke.',
  tokens_revoked: 'The client revoked more access tokens of this sign-in than one sign-in may have revoked.',
  revoked_globally: 'A global token revocation named the account.',
  ended_by_operator: 'An operator ended the sign-in, or all sign-ins of the account.',
  roles_changed: 'An operator changed the roles of the account at once.',
  disabled: 'An operator disabled the account.',
  deleted: 'The account was deleted.',
  reuse: 'A refresh token was presented a second time: a copy of it may be in the wrong hands.',
  forged:
    'A refresh token was presented that this server never issued: its pepper may have leaked, or the database was set back.',
  code_replayed: 'An authorization code was presented a second time: a copy of it may be in the wrong hands.',
  consent_withdrawn: 'The person withdrew what they had granted to the application.',
} as const satisfies Readonly<Record<string, string>>

export type EndReason = keyof typeof END_REASONS

/**
 * A family as a request names it. `user_id` is null where the request names no person, as a refresh token of version 1 does not; the family
 * of another person than the named one counts as unknown.
 */
export type NamedFamily = Readonly<{ family_id: string; user_id: string | null }>

/** One sign-in of a person at a client, with the data that tokens need. `at` is the database's time of the statement. */
export type Family = Readonly<{
  id: string
  user_id: string
  client_id: string
  scope: string
  audience: readonly string[]
  roles: readonly string[]
  auth_time: Date
  amr: readonly string[]
  salt: Uint8Array
  pepper_id: number
  /** Of the current token. */
  token_digest: RefreshTokenDigest
  generation: number
  idle_expires_at: Date
  /** Absolute, never extended. */
  expires_at: Date
  /** What the operator's server has added when the family was opened; null: nothing. */
  claims: ExtraClaims | null
  at: Date
}>

/** A family to open. Whether its account may open one is judged in SQL, by store/families/open-family.ts. */
export type NewFamily = Readonly<{
  id: string
  user_id: string
  /** The account's epoch when the password was checked. */
  credential_epoch: number
  client_id: string
  scope: string
  audience: readonly string[]
  amr: readonly string[]
  refresh_transport: RefreshTransport
  /** RFC 9449 §5 – Thumbprint of the key that each refresh has to prove; null for a family that is bound to none. */
  sender_key: string | null
  salt: Uint8Array
  pepper_id: number
  token_digest: RefreshTokenDigest
  claims: ExtraClaims | null
  source: RequestSource
}>

/**
 * The family that a sign-in gets with one more factor; `claims` are null where those of the former family stay. All other values come from the family that it `replaces`. Whether that family lives
 * is judged in SQL, by store/families/step-up-family.ts.
 */
export type SteppedUpFamily = Omit<
  NewFamily,
  'client_id' | 'scope' | 'audience' | 'refresh_transport' | 'sender_key'
> &
  Readonly<{ replaces: string }>

/** A presented refresh token, with everything that the verdict depends on. Judged in SQL, by store/families/judge-families.ts. */
export type Presentation = Position &
  Readonly<{
    digest: RefreshTokenDigest
    client_id: string
    refresh_transport: RefreshTransport
    /** RFC 7638 – Thumbprint of the key that the sender has proved to hold; null for a bearer token. */
    sender_key: string | null
    /** Null: the family's whole scope. */
    scope: readonly string[] | null
    resources: readonly string[]
    retry_proof: Digest<'retry_proof'> | null
    grace_seconds: number
    successor: Readonly<{ pepper_id: number; digest: RefreshTokenDigest }>
    source: TracedSource
  }>

/** In seconds: idle time of a refresh token, longest life of a sign-in, and life of an access token, for which the feed keeps an entry. */
export type Lifetimes = Readonly<{ idle_seconds: number; max_seconds: number; access_token_seconds: number }>
