import type { Digest } from '../base/digest.ts'
import type { Position, RefreshTokenDigest } from './refresh-token.ts'

/** Where a request came from, as the person may see it in the list of their sign-ins. */
export type RequestSource = Readonly<{ ip: string; user_agent: string | null }>

/** How a sign-in's refresh token travels, decided when it is opened: in JSON, or in a cookie that no script can read. */
export const REFRESH_TRANSPORTS = ['body', 'cookie'] as const
export type RefreshTransport = (typeof REFRESH_TRANSPORTS)[number]

/**
 * Seconds in which the tabs of one browser, which share a cookie and cannot help racing, get the same successor. Judged in SQL, by
 * store/families/judge-families.ts.
 */
export const COOKIE_GRACE_SECONDS = 10

/**
 * Single access tokens of one sign-in that may be revoked within the life of one: the next ends the sign-in. Judged in SQL, by
 * store/revocations/revocations.ts.
 */
export const TOKENS_REVOKED_AT_MOST = 30

/** Why a family was ended. */
export type RevokeReason =
  | 'signed_out'
  | 'signed_out_elsewhere'
  | 'signed_out_everywhere'
  | 'password_changed'
  | 'factors_changed'
  | 'stepped_up'
  | 'revoked'
  | 'tokens_revoked'
  | 'revoked_globally'
  | 'ended_by_operator'
  | 'roles_changed'
  | 'disabled'
  | 'deleted'
  | 'reuse'
  | 'forged'
  | 'code_replayed'
  | 'consent_withdrawn'

/** One sign-in of one person at one client, as the issuer of tokens needs it. `at` is the database's time of the statement. */
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
  generation: number
  idle_expires_at: Date
  /** Absolute; never extended by anything. */
  expires_at: Date
  at: Date
}>

/** Whether its account may still open it is judged in SQL, by store/families/open-family.ts. */
export type NewFamily = Readonly<{
  id: string
  user_id: string
  /** The account's epoch at the moment its password was checked. */
  credential_epoch: number
  client_id: string
  scope: string
  audience: readonly string[]
  amr: readonly string[]
  refresh_transport: RefreshTransport
  salt: Uint8Array
  pepper_id: number
  token_digest: RefreshTokenDigest
  source: RequestSource
}>

/**
 * What a family becomes with one factor more. Everything else is handed on from the one that it `replaces`. Whether that one lives is
 * judged in SQL, by store/families/step-up-family.ts.
 */
export type SteppedUpFamily = Omit<NewFamily, 'client_id' | 'scope' | 'audience' | 'refresh_transport'> &
  Readonly<{ replaces: string }>

/** A refresh token as presented, with everything that the verdict depends on. Judged in SQL, by store/families/judge-families.ts. */
export type Presentation = Position &
  Readonly<{
    digest: RefreshTokenDigest
    client_id: string
    refresh_transport: RefreshTransport
    /** RFC 7638 thumbprint of the key that the sender proved to hold; null for a bearer. */
    sender_key: string | null
    /** Null: the family's whole scope is meant. */
    scope: readonly string[] | null
    resources: readonly string[]
    retry_proof: Digest<'retry_proof'> | null
    grace_seconds: number
    successor: Readonly<{ pepper_id: number; digest: RefreshTokenDigest }>
    source: RequestSource
  }>

/** Seconds: how long a refresh token waits, how long a sign-in lasts, how long the feed must name what was ended. */
export type Lifetimes = Readonly<{ idle_seconds: number; max_seconds: number; access_token_seconds: number }>
