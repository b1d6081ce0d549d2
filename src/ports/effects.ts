/** The effects that all parts of the core share. A comment states atomicity and failure. */
import type { MailOutcome } from '../domain/account/mail.ts'
import type { PasswordDigest } from '../domain/account/password-digest.ts'
import type { PasswordHookOutcome } from '../domain/account/password-hook.ts'
import type { CodeVerdict } from '../domain/authorization/authorization-code.ts'
import type { LimitName } from '../domain/base/limit-names.ts'
import type { LogFields } from '../domain/base/log-fields.ts'
import type { ExpiringTable } from '../domain/base/retention.ts'
import type { DeliveryKind, DeliveryOutcome } from '../domain/outbound/delivery.ts'
import type { ClaimsHookOutcome } from '../domain/sign-in/claims-hook.ts'
import type { EndReason } from '../domain/sign-in/refresh-family.ts'
import type { RefreshOutcome } from '../domain/sign-in/refresh-verdict.ts'
import type { SignInResult } from '../domain/sign-in/sign-in-result.ts'

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

/** Password hashing in worker threads. `hash`, `findForm` and `matches` reject with Unavailable when the queue is full. */
export type Passwords = {
  /** The digest of a normalized password of 72 bytes at most. */
  hash(password: string): Promise<PasswordDigest>
  /**
   * The form of a typed password that matches the digest, or null. A null digest takes as long as the digests that this process has
   * verified, so that the time does not reveal whether an account exists.
   */
  findForm(typed: string, digest: PasswordDigest | null): Promise<string | null>
  /** True when `findForm` finds a form; takes as long. */
  matches(typed: string, digest: PasswordDigest | null): Promise<boolean>
  /** True for a password of the bundled list of common ones, in any case. */
  isCommon(password: string): Promise<boolean>
}

/** Rejects with Unavailable when Postgres is away; nearly always without a query. For answers that store nothing. */
export type EnsureStore = () => Promise<void>

/** Ours – The highest timeline of each cluster of Postgres, so that an instance that has just started refuses a former primary too. */
export type TimelineMemory = {
  /**
   * Remembers the timeline of the cluster where it is higher than the one that is known. Atomic. Returns the higher of the two; null while
   * it cannot be known. Never rejects.
   */
  raise(system: string, timeline: number): Promise<number | null>
}

/** What a start on the embedded database spends its seconds on. */
export type StartPhase = 'making_database' | 'opening_database' | 'migrating_database'

/** Resolves after the given time. Holds only a timer meanwhile. */
export type Wait = (milliseconds: number) => Promise<void>

/** The metrics. Each verb costs well under a microsecond and never fails. */
export type Metrics = {
  /** `route` is the pattern that matched, never the path, because clients must not be able to create time series. */
  answered(request: Readonly<{ route: string; method: string; status: number; seconds: number }>): void
  /** Tokens were issued, by grant type; `sign_in` and `step_up` stand for the account API. */
  issued(grant: string): void
  /** A refresh token was judged. */
  judged(outcome: RefreshOutcome): void
  /** A superseded refresh token was answered at another address than that of the latest rotation. */
  answeredElsewhere(): void
  /** An authorization code was judged. */
  codeJudged(verdict: CodeVerdict): void
  /** An attempt to sign in came to its end, or to the question for a second factor. */
  signedIn(result: SignInResult): void
  /** Sign-ins were ended before they expired, by a request to this process. */
  ended(reason: EndReason, count: number): void
  /** A request was refused because a limit was used up. */
  limited(limit: LimitName): void
  /** A mail was sent, given up or dropped. */
  mailed(outcome: MailOutcome): void
  /** A delivery to a server of others was attempted. */
  attempted(kind: DeliveryKind, outcome: DeliveryOutcome): void
  /** The password hook was asked. */
  passwordHookAsked(outcome: PasswordHookOutcome): void
  /** The extra claims of a sign-in were asked for. */
  claimsHookAsked(outcome: ClaimsHookOutcome): void
  /** The janitor deleted dead rows. */
  deleted(table: ExpiringTable, rows: number): void
}

/** The structured log. The fields of a line are chosen by name where the line is written. */
export type Log = {
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}
