/** Every effect that the core may ask for, as types; ports/ has those of one subject alone. A comment states atomicity and failure. */
import type { Account } from './domain/account/account.ts'
import type { PasswordDigest } from './domain/account/password-digest.ts'
import type { AccessTokenClaims } from './domain/oauth/access-token.ts'
import type { Client } from './domain/oauth/client.ts'
import type { Digest } from './domain/base/digest.ts'
import type { PublicJwk } from './domain/keys/key-ring.ts'
import type { Language } from './domain/base/language.ts'
import type { MailOutcome } from './domain/account/mail.ts'
import type { Session } from './domain/sign-in/sign-in.ts'
import type {
  Family,
  NewFamily,
  Presentation,
  RefreshTransport,
  RevokeReason,
  Rotation,
  SteppedUpFamily,
} from './domain/sign-in/refresh-family.ts'
import type { RevocationKind } from './domain/revocations/revocation.ts'

/** Wall clock. */
export type Clock = () => Date

export type Random = {
  /** Cryptographically strong. */
  bytes(length: number): Uint8Array
  /** RFC 9562 §5.7 – A UUIDv7. */
  uuid(): string
  /** RFC 9562 §5.4 – A UUIDv4. */
  tokenId(): string
}

/** Password hashing, off the event loop: `hash`, `findForm` and `matches` reject with Unavailable when the queue is full. */
export type Passwords = {
  /** The digest of a normalized password of 72 bytes at most. */
  hash(password: string): Promise<PasswordDigest>
  /**
   * For a password as it was typed, whatever text it is: the form of it that this is the digest of, or null. Null takes as long for no
   * digest as for any other, once one of its kind has been seen in this process.
   */
  findForm(typed: string, digest: PasswordDigest | null): Promise<string | null>
  /** True where `findForm` finds one; takes as long. */
  matches(typed: string, digest: PasswordDigest | null): Promise<boolean>
  /** True for one of the bundled list of common ones, whatever its case. */
  isCommon(password: string): Promise<boolean>
}

/** Signing keys. The private halves never leave the adapter. */
export type Keys = {
  /** A JWS in compact form, RS256, by the key whose turn it is. Rejects with Unavailable when no key may sign. */
  sign(
    typ: 'at+jwt' | 'JWT' | 'revocations+jwt' | 'statuslist+jwt',
    claims: Readonly<Record<string, unknown>>,
  ): Promise<string>
  /** The claims of a JWS that one of the published keys signed with RS256 and that has this `typ`; null otherwise. Judges no claim. */
  verify(typ: 'at+jwt' | 'JWT', jws: string): Readonly<Record<string, unknown>> | null
  /** RFC 7517 – The public members of every published key: announced, signing and retired. */
  published(): readonly PublicJwk[]
}

/** Rejects with Unavailable when Postgres is away; nearly always without a query. For what is issued without storing anything. */
export type EnsureStore = () => Promise<void>

export type Clients = {
  find(client_id: string): Promise<Client | null>
  /** True for an origin of any registered redirect URI. */
  hasOrigin(origin: string): boolean
  /** True for an origin of a first-party client's redirect URI. */
  hasFirstPartyOrigin(origin: string): boolean
}

/** RFC 7523 §3 – Remembers client assertions until they expire, across restarts and instances. */
export type Assertions = {
  /** Atomic. False when someone spent this assertion first. */
  redeem(assertion: { client_id: string; jti: string; expires_at: Date }): Promise<boolean>
}

export type Accounts = {
  /** Atomic. Null when the e-mail is taken. */
  create(account: {
    id: string
    email: string
    password_digest: PasswordDigest
    roles: readonly string[]
    /** In which its person is told things, until a later sign-in. */
    language: Language
  }): Promise<Account | null>
  findByEmail(email: string): Promise<(Account & { readonly password_digest: PasswordDigest | null }) | null>
  /** Atomic: another digest of the same password, unless it was changed in the meantime. Ends nothing. */
  renewDigest(account: { id: string; from: PasswordDigest; to: PasswordDigest }): Promise<void>
  /**
   * Atomic: raises the credential epoch, revokes every live family and writes the entries of the revocation feed.
   * Returns the families that it ended. A sign-in under way at the same moment gets no living family.
   */
  endEverySignIn(account_id: string, reason: RevokeReason): Promise<readonly string[]>
  /**
   * Atomic, as `endEverySignIn`, but for the family `keep`, which goes on in the new epoch; with another digest unless it is null.
   * Null, and nothing is done, when the account is disabled or its epoch is another by now.
   */
  endOtherSignIns(account: {
    id: string
    credential_epoch: number
    keep: string | null
    password_digest: PasswordDigest | null
    reason: RevokeReason
  }): Promise<readonly string[] | null>
}

/** What of a living family never changes. */
export type LivingFamily = Pick<Family, 'id' | 'user_id' | 'client_id' | 'scope' | 'audience'> &
  Readonly<{ refresh_transport: RefreshTransport }>

/** refresh-families: one row a family, one statement a verb. All reject with Unavailable when the database is away. */
export type RefreshFamilies = {
  /** Atomic. Null unless the account is enabled and its credential epoch is still the one that the sign-in checked. */
  open(family: NewFamily): Promise<Family | null>
  /** Atomic: opens it and ends the one that it replaces. Null unless that one and the account are live and of this epoch. */
  stepUp(
    family: SteppedUpFamily,
  ): Promise<(Family & Readonly<{ refresh_transport: RefreshTransport }>) | null>
  /** Whose it is; never changes. Null when unknown. */
  findOwner(family_id: string): Promise<Readonly<{ user_id: string; client_id: string }> | null>
  /** The family, while it and its account live; null when there is none, or when its salt is another than the one given. */
  findLiving(token: { family_id: string; salt: Uint8Array | null }): Promise<LivingFamily | null>
  /** Atomic: judges the presented token on the locked current row and does what the verdict says, in one statement. */
  rotate(presentation: Presentation): Promise<Rotation>
  /**
   * Atomic: judges a refresh token as `rotate` does, and rotates nothing. 'current' is one that would have been rotated or replayed;
   * for one that is 'reused' or 'forged' the family has been ended.
   */
  present(presentation: Presentation): Promise<'current' | 'denied' | 'reused' | 'forged'>
  /** Atomic: ends the family with its entry in the revocation feed. False when unknown, not this client's or person's, or ended already. */
  revoke(family: {
    id: string
    salt: Uint8Array | null
    client_id: string | null
    user_id?: string
    reason: RevokeReason
  }): Promise<boolean>
  /** The living ones of an account, the one used last first. */
  list(account_id: string): Promise<readonly Session[]>
  /** The family whose *current* token this is; null unless family and account are live. */
  findCurrent(token: { family_id: string; digest: Digest<'refresh_token'> }): Promise<Family | null>
}

/** What of a token a revocation may name. */
export type Revocable = Pick<AccessTokenClaims, 'jti' | 'sid' | 'sub' | 'client_id' | 'iat'>

/** What has been ended before it expired. Durable in Postgres; entries live as long as the token would have. */
export type Revocations = {
  /**
   * Atomic and idempotent. A family of which many single tokens were revoked lately is ended instead, as one entry of the feed.
   * `ended` is its id, or null; `is_new` is false where nothing had to be written.
   */
  revokeAccessToken(token: {
    jti: string
    sid?: string | undefined
    expires_at: Date
  }): Promise<Readonly<{ ended: string | null; is_new: boolean }>>
  /** False when the token, its family or its account has been ended. */
  isLive(claims: Revocable): Promise<boolean>
  /** The account behind a live access token; null when the token, its family or its account has been ended. */
  findAccount(claims: Revocable): Promise<Account | null>
}

/** The revocations again, where looking one up costs microseconds. May forget; never says "live". Never rejects. */
export type Blocklist = {
  add(
    entries: readonly Readonly<{ kind: RevocationKind; value: string; issued_until?: number }>[],
    seconds: number,
  ): Promise<void>
  /** True: certainly revoked. False: ask Postgres. */
  has(claims: Revocable): Promise<boolean>
}

/** The state of one limit for one caller. */
export type Allowance = Readonly<{
  /** Which limit; on the wire too. */
  name: string
  window_seconds: number
  isAllowed: boolean
  limit: number
  remaining: number
  reset_seconds: number
}>

/** Counts attempts in fixed windows. Atomic across instances where there is a Redis, in process without. Never rejects. */
export type Limit = {
  /** Null: there is no such limit. */
  consume(key: string): Promise<Allowance | null>
  /** Known in this process to be used up: no round trip. */
  isExhausted(key: string): Allowance | null
}

/**
 * Failures in a row, for each key; forgotten an hour after the first. Atomic across instances where there is a Redis, in process
 * without. Never rejects.
 */
export type Failures = {
  count(key: string): Promise<number>
  add(key: string): Promise<void>
  forget(key: string): Promise<void>
}

/** Resolves after that long, and holds nothing but a timer meanwhile. */
export type Wait = (milliseconds: number) => Promise<void>

/** What operators watch. Each verb costs well under a microsecond; none of them fails. */
export type Metrics = {
  /** `route` is the pattern that matched, never the path: a stranger must not be able to make a series. */
  answered(request: Readonly<{ route: string; method: string; status: number; seconds: number }>): void
  /** Tokens went out, by grant type; `sign_in` where there was none. */
  issued(grant: string): void
  /** A refresh token was judged. */
  judged(verdict: Rotation['verdict']): void
  /** Somebody was refused because a limit was used up. */
  limited(limit: string): void
  /** A mail went out, was given up, or found no room in the queue. */
  mailed(outcome: MailOutcome): void
  /** The janitor deleted dead rows. */
  deleted(table: string, rows: number): void
}

/** The structured log. Fields are chosen by name at the call; nothing is dumped. */
export type Log = {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}
