/** Sign-ins: the refresh families. A comment states atomicity and failure. */
import type { Digest } from '../domain/base/digest.ts'
import type {
  Family,
  NewFamily,
  Presentation,
  RefreshTransport,
  RevokeReason,
  SteppedUpFamily,
} from '../domain/sign-in/refresh-family.ts'
import type { RefreshOutcome, Rotation } from '../domain/sign-in/refresh-verdict.ts'
import type { SignIn } from '../domain/sign-in/sign-in.ts'

/** What of a living family never changes. */
export type LivingFamily = Pick<Family, 'id' | 'user_id' | 'client_id' | 'scope' | 'audience'> &
  Readonly<{ refresh_transport: RefreshTransport }>

/** docs/refresh-families.md: one row a family, one statement a verb. All reject with Unavailable when the database is away. */
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
   * Atomic: judges a refresh token as `rotate` does, and rotates nothing: 'rotated' is a token that would have been. The family of
   * one that is 'reused' or 'forged' has been ended.
   */
  present(presentation: Presentation): Promise<RefreshOutcome>
  /**
   * Atomic: ends the family with its entry in the revocation feed. Null when it is unknown, or not this client's or person's;
   * `has_ended` is false when it had ended before.
   */
  end(family: {
    id: string
    salt: Uint8Array | null
    client_id: string | null
    user_id?: string
    reason: RevokeReason
  }): Promise<Readonly<{ user_id: string; client_id: string; has_ended: boolean }> | null>
  /** The living ones of an account, the one used last first. */
  list(account_id: string): Promise<readonly SignIn[]>
  /** The family whose *current* token this is; null unless family and account are live. */
  findCurrent(token: { family_id: string; digest: Digest<'refresh_token'> }): Promise<Family | null>
}
