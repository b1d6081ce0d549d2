/** The identities of people at other providers. A comment states atomicity and failure. All verbs reject with Unavailable when the database is away. */
import type { Account } from '../domain/account/account.ts'
import type { ProfileChange } from '../domain/account/profile.ts'
import type { Language } from '../domain/base/language.ts'
import type { KeptSession } from '../domain/sign-in/browser-session.ts'
import type { LinkedIdentity } from '../domain/upstream/upstream.ts'

type Named = Readonly<{ issuer: string; subject: string }>

export type Identities = {
  /** The account of an identity, a disabled one too; null when no account has the identity. */
  findOwner(identity: Named): Promise<Account | null>
  /** The oldest one first. */
  list(account_id: string): Promise<readonly LinkedIdentity[]>
  /**
   * Atomic: makes an account without a password, with its first identity. 'taken', without a change, when another account has the e-mail or
   * the identity by now: of two requests at once, one makes the account.
   */
  createAccount(
    account: Named &
      Readonly<{
        id: string
        identity_id: string
        email: string
        isEmailVerified: boolean
        roles: readonly string[]
        language: Language
        profile: ProfileChange
      }>,
  ): Promise<Account | 'taken'>
  /**
   * Atomic. 'taken' when the identity has an account already, this one or another; null when the account is disabled, or its epoch is another
   * by now: what its owner has proved is worth nothing then.
   */
  link(
    identity: Named &
      Readonly<{ account_id: string; credential_epoch: number; id: string; email: string | null }>,
  ): Promise<'linked' | 'taken' | null>
  /**
   * Atomic: removes the identity and ends every other sign-in, unless it is the last way in: then the account has no password, no passkey
   * and no other identity of `issuers`. Returns the sign-ins that it ended; null when nothing was removed.
   */
  unlink(
    identity: Readonly<{
      account_id: string
      credential_epoch: number
      id: string
      keep: string | null
      keep_session?: KeptSession | null
      /** Those at which people may sign in. */
      issuers: readonly string[]
    }>,
  ): Promise<readonly string[] | null>
}
