import { Problem } from '../domain/problem.ts'
import { signInEntries } from '../domain/revocation.ts'
import type { Accounts, Blocklist, Limit, Passwords } from '../ports.ts'
import type { AccountLife } from '../ports/account-life.ts'
import type { Bearer } from './bearer.ts'
import { consume } from './consume.ts'
import { requireCurrentPassword } from './current-password.ts'

type Needs = Readonly<{
  accounts: Accounts
  accountLife: AccountLife
  passwords: Passwords
  blocklist: Blocklist
  /** The one of the password change: there are no more guesses for asking in two places. */
  limit: Limit
}>

export type DeleteAccount = (bearer: Bearer, given: Readonly<{ current_password: string }>) => Promise<void>

/** Ours – A person deletes their account: with the password, because there is no way back. */
export const createDeleteAccount =
  (needs: Needs): DeleteAccount =>
  async ({ account, claims }, { current_password }) => {
    const { accountLife, blocklist, limit } = needs
    const { id, email, credential_epoch } = account
    await consume(limit, claims.sid ?? id)
    await requireCurrentPassword(needs, { email, current_password })
    // The epoch is that of the bearer token: who was signed out while this was hashed deletes nothing any more.
    const ended = await accountLife.delete({ id, credential_epoch })
    if (ended === null) throw new Problem('AUTH_TOKEN_INVALID', 'credentials_changed_meanwhile')
    const { issued_until, seconds, families } = ended
    await blocklist.add([{ kind: 'sub', value: id, issued_until }, ...signInEntries(families)], seconds)
  }
