import { Problem } from '../domain/problem.ts'
import { signInEntries } from '../domain/revocation.ts'
import type { Accounts, Blocklist, Limit, Passwords } from '../ports.ts'
import type { AccountLife } from '../ports/account-life.ts'
import type { Bearer } from './bearer.ts'
import { consume } from './consume.ts'
import { requireCurrentPassword } from './current-password.ts'
import type { RequireFullClass } from './full-class.ts'

type Needs = Readonly<{
  accounts: Accounts
  accountLife: AccountLife
  passwords: Passwords
  blocklist: Blocklist
  /** The one of the password change: there are no more guesses for asking in two places. */
  limit: Limit
  requireFullClass: RequireFullClass
}>

export type DeleteAccount = (bearer: Bearer, given: Readonly<{ current_password: string }>) => Promise<void>

/** Ours – A person deletes their account: with the password, and the second factor where there is one, because there is no way back. */
export const createDeleteAccount =
  (needs: Needs): DeleteAccount =>
  async (bearer, { current_password }) => {
    const { accountLife, blocklist, limit } = needs
    const { account, claims } = bearer
    const { id, credential_epoch } = account
    await consume(limit, claims.sid ?? id)
    await needs.requireFullClass(bearer)
    await requireCurrentPassword(needs, account, current_password)
    // The epoch is that of the bearer token: who was signed out while this was hashed deletes nothing any more.
    const ended = await accountLife.delete({ id, credential_epoch })
    if (ended === null) throw new Problem('AUTH_TOKEN_INVALID', 'credentials_changed_meanwhile')
    const { issued_until, seconds, families } = ended
    await blocklist.add([{ kind: 'sub', value: id, issued_until }, ...signInEntries(families)], seconds)
  }
