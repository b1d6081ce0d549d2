/** What any part of the core may ask for, whatever its subject. A comment states atomicity and failure. */
import type { MailOutcome } from '../domain/account/mail.ts'
import type { PasswordDigest } from '../domain/account/password-digest.ts'
import type { CodeVerdict } from '../domain/authorization/authorization-code.ts'
import type { LimitName } from '../domain/base/limit-names.ts'
import type { ExpiringTable } from '../domain/base/retention.ts'
import type { RefreshOutcome } from '../domain/sign-in/refresh-verdict.ts'

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

/** Rejects with Unavailable when Postgres is away; nearly always without a query. For what is issued without storing anything. */
export type EnsureStore = () => Promise<void>

/** Resolves after that long, and holds nothing but a timer meanwhile. */
export type Wait = (milliseconds: number) => Promise<void>

/** What operators watch. Each verb costs well under a microsecond; none of them fails. */
export type Metrics = {
  /** `route` is the pattern that matched, never the path: a stranger must not be able to make a series. */
  answered(request: Readonly<{ route: string; method: string; status: number; seconds: number }>): void
  /** Tokens went out, by grant type; `sign_in` where there was none. */
  issued(grant: string): void
  /** A refresh token was judged. */
  judged(verdict: RefreshOutcome): void
  /** An authorization code was judged. */
  codeJudged(verdict: CodeVerdict): void
  /** Somebody was refused because a limit was used up. */
  limited(limit: LimitName): void
  /** A mail went out, was given up, or found no room in the queue. */
  mailed(outcome: MailOutcome): void
  /** The janitor deleted dead rows. */
  deleted(table: ExpiringTable, rows: number): void
}

/** The structured log. Fields are chosen by name at the call; nothing is dumped. */
export type Log = {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}
