/** What operators do with accounts, whoever is signed in at that moment. All of it rejects with Unavailable when the database is away. */
import type { AccountLine } from '../domain/account/account-line.ts'
import type { RevokeReason } from '../domain/sign-in/refresh-family.ts'

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
  endEverySignIn(
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
