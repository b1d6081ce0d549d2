/** What administrators see and change. A comment states atomicity and failure. All verbs reject with Unavailable when the database is away. */
import type { AccountChange, AdministeredAccount } from '../domain/account/administered-account.ts'
import type { AdministeredSignIn } from '../domain/sign-in/administered-sign-in.ts'
import type { EndReason } from '../domain/sign-in/refresh-family.ts'
import type { EndedPerson } from './revocations.ts'

/** What an index serves; each is in the order of the ids, but a prefix in that of the addresses. */
export type AccountSelection =
  | 'all'
  | 'disabled'
  | 'administrators'
  | 'viewers'
  | Readonly<{ email_prefix: string }>

/** `versions`: those that the caller has looked at; null where the version does not matter. */
type Named = Readonly<{ id: string; versions: readonly string[] | null }>

type Page = Readonly<{
  /** The last id, or the last address, of the page before; null: the first page. */
  after: string | null
  limit: number
}>

export type AdministeredAccounts = {
  /** Takes the same time for every page. */
  list(page: Page & Readonly<{ selection: AccountSelection }>): Promise<readonly AdministeredAccount[]>
  find(id: string): Promise<AdministeredAccount | null>
  /** How many sign-ins live, of the newest KEPT_MOST; LIVING_MOST at most, which says that there are more. */
  countLiving(id: string): Promise<number>
  /**
   * Atomic: makes every given change, or none. 'unknown' when there is no such account; 'changed' when it has another version by now;
   * 'external_id_taken' when another account has the id.
   */
  change(
    account: Named & Readonly<{ change: AccountChange }>,
  ): Promise<AdministeredAccount | 'unknown' | 'changed' | 'external_id_taken'>
  /**
   * Atomic: raises the epoch, ends every sign-in with its entry in the revocation feed, and makes the given change. Null, without a change,
   * when there is no such account, or it has another version by now. A sign-in under way gets no living family.
   */
  end(
    account: Named & Readonly<{ reason: EndReason; isDisabled?: true; withoutFactors?: true }>,
  ): Promise<EndedPerson | null>
  /** Atomic: deletes the account with everything that refers to it. Null likewise. */
  delete(account: Named): Promise<EndedPerson | null>
}

export type AdministeredSignIns = {
  /** The newest one first. Takes the same time for every page. */
  list(
    page: Page & Readonly<{ of: Readonly<{ sub: string } | { client_id: string }> | null }>,
  ): Promise<readonly AdministeredSignIn[]>
  /** Null when the sign-in is unknown, or is not kept any more. */
  find(sid: string): Promise<AdministeredSignIn | null>
  /** When a single access token was revoked; null when it was not, or has expired since. */
  findRevokedToken(jti: string): Promise<Readonly<{ revoked_at: Date }> | null>
}
