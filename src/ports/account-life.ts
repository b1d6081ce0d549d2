/** The end of an account, and what is kept of a person until then. */
import type { SignInRecord } from '../domain/account/account-export.ts'
import type { EndedPerson } from './published-revocations.ts'

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
