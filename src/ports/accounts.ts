/** The accounts of people, as they and as operators act on them. A comment states atomicity and failure. */

import type { Account } from '../domain/account/account.ts'
import type { SignInRecord } from '../domain/account/account-export.ts'
import type { AccountLine } from '../domain/account/account-line.ts'
import type { PasswordDigest } from '../domain/account/password-digest.ts'
import type { Person, Profile } from '../domain/account/profile.ts'
import type { Language } from '../domain/base/language.ts'
import type { RevokeReason } from '../domain/sign-in/refresh-family.ts'
import type { EndedPerson } from './revocations.ts'

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
  /** What applications are told of a person. Null unless the account lives and is enabled. */
  findPerson(id: string): Promise<Person | null>
  /** Atomic: what a person fills in themselves; `updated_at` moves when a claim changes. Null unless the account lives and is enabled. */
  changeProfile(account: { id: string; profile: Profile }): Promise<Person | null>
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
    /** The browser session that goes on, with the sign-ins that were opened from it. */
    keep_session?: string | null
    password_digest: PasswordDigest | null
    reason: RevokeReason
  }): Promise<readonly string[] | null>
}

/** The end of an account, and what is kept of a person until then. */
export type AccountLife = {
  /**
   * Atomic: the account goes with everything that hangs on it, and the entries of the revocation feed take its place until the
   * last access token has expired. A sign-in or a refresh under way at the same moment gets nothing that lives.
   * Null, and nothing is done, when the account is disabled or its epoch is another by now. Rejects with Unavailable.
   */
  delete(account: { id: string; credential_epoch: number }): Promise<EndedPerson | null>
  /** Every sign-in that is still kept, the dead ones too, the newest first; some thousands at most. */
  listSignIns(account_id: string): Promise<readonly SignInRecord[]>
}

export type AccountFilter = Readonly<{
  role: string | null
  disabled: boolean | null
  /** In the normalized form. */
  email_prefix: string | null
}>

export type ImportBatch = Readonly<{
  /** SHA-256 of the input from its first byte to the last one of this batch. */
  digest: Uint8Array
  /** `number` is that of the line. No two of a batch have an id or an e-mail in common. */
  accounts: readonly Readonly<{ number: number; account: AccountLine }>[]
}>

/** Numbers of lines. `is_new` is false when an earlier run had carried the batch out: this is then what it had answered. */
export type ImportOutcome = Readonly<{
  is_new: boolean
  created: number
  email_taken: readonly number[]
  id_taken: readonly number[]
}>

/** What operators do with accounts, whoever is signed in at that moment. All of it rejects with Unavailable when the database is away. */
export type AccountAdministration = {
  /** By id, or by e-mail in its normalized form. */
  find(account: { id: string } | { email: string }): Promise<AccountLine | null>
  /** Atomic. False when the e-mail or the id is taken. */
  create(account: AccountLine): Promise<boolean>
  /** The next accounts by id after `after`, or the first ones; `last` is null when there are no more. Takes the same time for every filter. */
  readPage(
    after: string | null,
    filter: AccountFilter,
  ): Promise<Readonly<{ accounts: readonly AccountLine[]; last: string | null }>>
  /** The living sign-ins of an account. */
  countSignIns(account_id: string): Promise<number>
  /**
   * Atomic: raises the epoch, ends every family with its entries in the revocation feed, and changes what is given beside.
   * Returns how many families that were; null when there is no such account. A sign-in under way gets no living family.
   */
  changeAndSignOut(
    account_id: string,
    change: Readonly<{
      reason: RevokeReason
      isDisabled?: true
      withoutFactors?: true
      roles?: readonly string[]
    }>,
  ): Promise<number | null>
  /** Atomic. False when there is no such account. The sign-ins that were ended stay ended. */
  enable(account_id: string): Promise<boolean>
  /** Atomic. False when there is no such account. Tokens carry them from the next refresh on. */
  setRoles(account_id: string, roles: readonly string[]): Promise<boolean>
  /** Atomic, and as when people do it themselves. Returns how many sign-ins it ended; null when there is no such account. */
  delete(account_id: string): Promise<number | null>
  /** Atomic, and carried out once for each digest, however often and by however many at once it is asked for. */
  importBatch(batch: ImportBatch): Promise<ImportOutcome>
}
