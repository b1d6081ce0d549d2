/** Sign-ins: the refresh families. A comment states atomicity and failure. */
import type { Digest } from '../domain/base/digest.ts'
import type {
  EndReason,
  Family,
  NamedFamily,
  NewFamily,
  Presentation,
  RefreshTransport,
  SteppedUpFamily,
} from '../domain/sign-in/refresh-family.ts'
import type { PresentedRefreshToken } from '../domain/sign-in/refresh-token.ts'
import type { RefreshOutcome, Rotation } from '../domain/sign-in/refresh-verdict.ts'
import type { SignIn } from '../domain/sign-in/sign-in.ts'

/** The values of a living family that never change, with the roles of its account. */
export type LivingFamily = Pick<Family, 'id' | 'user_id' | 'client_id' | 'scope' | 'audience' | 'roles'> &
  Readonly<{ refresh_transport: RefreshTransport }>

/** docs/refresh-families.md: one row a family, one statement a verb. All reject with Unavailable when the database is away. */
export type RefreshFamilies = {
  /** Atomic. Null unless the account is enabled and its credential epoch is still the one that the sign-in checked. */
  open(family: NewFamily): Promise<Family | null>
  /** Atomic: opens the family and ends the one that it replaces. Null unless the replaced family and the account live, in this epoch. */
  stepUp(
    family: SteppedUpFamily,
  ): Promise<(Family & Readonly<{ refresh_transport: RefreshTransport }>) | null>
  /** The account and the client of a family, which never change. Null when the family is unknown. */
  findOwner(family: NamedFamily): Promise<Readonly<{ user_id: string; client_id: string }> | null>
  /** The family, while the family and its account live. Null when there is none, or when its salt differs from the given one. */
  findLiving(token: NamedFamily & Readonly<{ salt: Uint8Array | null }>): Promise<LivingFamily | null>
  /** Atomic: judges the presented token on the locked current row and does what the verdict says, in one statement. */
  rotate(presentation: Presentation): Promise<Rotation>
  /**
   * Atomic: judges a refresh token as `rotate` does, but rotates nothing: 'rotated' means that the token would have been rotated. 'reused'
   * and 'forged' have ended the family.
   */
  judge(presentation: Presentation): Promise<RefreshOutcome>
  /**
   * Atomic: ends the family with its entry in the revocation feed. Null when it is unknown, or not this client's; `has_ended` is false when
   * it had ended before.
   */
  end(
    family: NamedFamily & Readonly<{ salt: Uint8Array | null; client_id: string | null; reason: EndReason }>,
  ): Promise<Readonly<{ user_id: string; client_id: string; has_ended: boolean }> | null>
  /** The living sign-ins of an account, the one used last first. */
  list(account_id: string): Promise<readonly SignIn[]>
  /**
   * Atomic for each batch of very many: ends the sign-in to which the family belongs, with entries in the revocation feed. The ids of the
   * families that it ended; none when the family is unknown or another person's.
   */
  endSignIn(family: { id: string; user_id: string; reason: EndReason }): Promise<readonly string[]>
  /** The family whose *current* token this is. Null unless the family and its account live. */
  findCurrent(token: NamedFamily & Readonly<{ digest: Digest<'refresh_token'> }>): Promise<Family | null>
  /**
   * The account of a token that could still be refreshed, the grace of its client left aside: the current token of its family, or in a cookie
   * the token before it, within the grace of cookies. Null for any other token, and where the family or its account does not live.
   */
  findAnswered(token: PresentedRefreshToken): Promise<Readonly<{ user_id: string }> | null>
}
