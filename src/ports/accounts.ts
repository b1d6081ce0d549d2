/** Accounts, for their owners and for operators. A comment states atomicity and failure. */

import type { Account } from '../domain/account/account.ts'
import type { KeptAccount, KeptData, SignInRecord } from '../domain/account/account-export.ts'
import type { AccountLine } from '../domain/account/account-line.ts'
import type { PasswordDigest } from '../domain/account/password-digest.ts'
import type { Person, ProfileChange } from '../domain/account/profile.ts'
import type { Language } from '../domain/base/language.ts'
import type { AccountKey } from '../domain/exchange/assertion-issuers.ts'
import type { SealedSecret } from '../domain/factors/sealed-secret.ts'
import type { KeptSession } from '../domain/sign-in/browser-session.ts'
import type { EndReason } from '../domain/sign-in/refresh-family.ts'
import type { PastSignIn } from '../domain/sign-in/sign-in-history.ts'
import type { EndedPerson } from './revocations.ts'

/** All reject with Unavailable when the database is away. */
export type Accounts = {
  /** Atomic. Null when the e-mail is taken. */
  create(account: {
    id: string
    email: string
    password_digest: PasswordDigest
    roles: readonly string[]
    /** The language of notices, until a later sign-in. */
    language: Language
  }): Promise<Account | null>
  /** By e-mail in its normalized form. Null when no account has it. */
  findByEmail(
    email: string,
  ): Promise<
    | (Account & { readonly password_digest: PasswordDigest | null; readonly external_id: string | null })
    | null
  >
  /** The claims of a person for applications. Null unless the account exists and is enabled. */
  findPerson(id: string): Promise<Person | null>
  /**
   * Atomic: changes the given claims alone; `updated_at` moves when one of them becomes another. Null unless the account lives and is
   * enabled.
   */
  changeProfile(account: { id: string; change: ProfileChange }): Promise<Person | null>
  /** Atomic: gives a digest to an account that has none. Without effect when it has one by now, is disabled or gone. */
  setFirstDigest(account: { id: string; password_digest: PasswordDigest }): Promise<void>
  /** Atomic: replaces the digest by another one of the same password, unless the password was changed meanwhile. Ends no sign-in. */
  renewDigest(account: { id: string; from: PasswordDigest; to: PasswordDigest }): Promise<void>
  /**
   * Atomic: raises the credential epoch, ends every living family and writes the entries of the revocation feed. Returns the families
   * that it ended. A sign-in under way at the same moment gets no living family.
   */
  endEverySignIn(account_id: string, reason: EndReason): Promise<readonly string[]>
  /**
   * Atomic: like `endEverySignIn`, except for the family `keep`, which lives on in the new epoch. Sets the digest unless it is null. Null,
   * without a change, when the account is disabled, its epoch is another by now, or `keep` has been ended.
   */
  endOtherSignIns(account: {
    id: string
    credential_epoch: number
    keep: string | null
    /** The browser session that goes on, with the sign-ins that were opened from it. */
    keep_session?: KeptSession | null
    password_digest: PasswordDigest | null
    reason: EndReason
  }): Promise<readonly string[] | null>
}

/** The deletion of an account, and the export of what is kept of it. All reject with Unavailable when the database is away. */
export type AccountLife = {
  /**
   * Atomic: deletes the account with everything that refers to it. Entries of the revocation feed remain until the last access token has
   * expired. A sign-in or a refresh under way at the same moment gets no living token. Null, without a change, when the account is disabled
   * or its epoch is another by now.
   */
  delete(account: { id: string; credential_epoch: number }): Promise<EndedPerson | null>
  /** Every stored sign-in, ended ones too, the newest first; SIGN_INS_AT_MOST at most. */
  listSignIns(account_id: string): Promise<readonly SignInRecord[]>
  /** Null when there is no such account. */
  findKept(account_id: string): Promise<KeptAccount | null>
  /** Every stored browser session, expired ones too, the newest first; SIGN_INS_AT_MOST at most. */
  listBrowserSessions(account_id: string): Promise<KeptData<unknown>['browser_sessions']>
  /** What was granted to each application, those that were withdrawn too. */
  listConsents(account_id: string): Promise<KeptData<unknown>['consents']>
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
  /** `number` is the number of the line. No two accounts of a batch share an id, an e-mail or an external id. */
  accounts: readonly Readonly<{
    number: number
    account: AccountLine
    /** Of the authenticator application that the account has from the start. */
    totp_secret: SealedSecret | null
  }>[]
}>

/** Lists of line numbers. `is_new` is false when an earlier run has carried out the batch; the outcome is then that of the earlier run. */
export type ImportOutcome = Readonly<{
  is_new: boolean
  created: number
  email_taken: readonly number[]
  id_taken: readonly number[]
  external_id_taken: readonly number[]
}>

/** The verbs of operators, who need no sign-in of the account. All reject with Unavailable when the database is away. */
export type AccountAdministration = {
  /** By id, by e-mail in its normalized form, or by the id of another system. Null when there is no such account. */
  find(account: { id: string } | { email: string } | { external_id: string }): Promise<AccountLine | null>
  /** Atomic. False when the e-mail, the id or the external id is taken. */
  create(account: AccountLine): Promise<boolean>
  /** The accounts that follow the id `after`, or the first ones; `last` is null after the end. Takes the same time for every filter. */
  readPage(
    after: string | null,
    filter: AccountFilter,
  ): Promise<Readonly<{ accounts: readonly AccountLine[]; last: string | null }>>
  /** The sign-ins of an account that are still kept, the ended ones too, the newest first; a thousand at most. */
  listSignIns(account_id: string): Promise<readonly PastSignIn[]>
  /** How many sign-ins of an account live. */
  countSignIns(account_id: string): Promise<number>
  /**
   * Atomic: raises the epoch, ends every family with its entry in the revocation feed, and makes the given change. Returns the count of
   * ended families; null when there is no such account. A sign-in under way gets no living family.
   */
  changeAndSignOut(
    account_id: string,
    change: Readonly<{
      reason: EndReason
      isDisabled?: true
      withoutFactors?: true
      roles?: readonly string[]
    }>,
  ): Promise<number | null>
  /** Atomic. False when there is no such account. Ended sign-ins stay ended. */
  enable(account_id: string): Promise<boolean>
  /** Atomic. False when there is no such account. Tokens have the new roles from the next refresh on. */
  setRoles(account_id: string, roles: readonly string[]): Promise<boolean>
  /** Atomic. False when there is no such account; 'taken', without a change, when another account has the id. Null takes the id away. */
  setExternalId(account_id: string, external_id: string | null): Promise<boolean | 'taken'>
  /** Atomic: like `AccountLife.delete`, in any state of the account. Returns the count of ended sign-ins; null when there is no account. */
  delete(account_id: string): Promise<number | null>
  /** Atomic and idempotent: a batch of one digest is carried out once, also when several processes ask for it at once. */
  importBatch(batch: ImportBatch): Promise<ImportOutcome>
}

/** The accounts of people whom a listed issuer names. Rejects with Unavailable when the database is away. */
export type AssertedAccounts = {
  /** Null when there is no such account, or its e-mail was never verified. */
  find(key: AccountKey): Promise<Readonly<{
    id: string
    credential_epoch: number
    isDisabled: boolean
    roles: readonly string[]
  }> | null>
}
