import { fieldInvalid, Problem } from '../domain/problem.ts'
import { signInEntries } from '../domain/revocation.ts'
import type { Accounts, Blocklist, Limit, Passwords } from '../ports.ts'
import type { Bearer } from './bearer.ts'
import { consume } from './consume.ts'
import { requireCurrentPassword } from './current-password.ts'
import type { JudgeNewPassword } from './new-password.ts'

type Needs = Readonly<{
  accounts: Accounts
  passwords: Passwords
  judgeNewPassword: JudgeNewPassword
  blocklist: Blocklist
  /** For one sign-in: whoever stole one can neither guess on nor keep the person from changing the password. */
  limit: Limit
  access_token_seconds: number
}>

export type ChangePassword = (
  bearer: Bearer,
  given: Readonly<{ current_password: string; new_password: string }>,
) => Promise<void>

/** Contract – Changes the password with the old one, and ends every sign-in but the one that asks. */
export const createChangePassword =
  (needs: Needs): ChangePassword =>
  async ({ account, claims }, { current_password, new_password }) => {
    const { accounts, passwords, judgeNewPassword, blocklist, limit, access_token_seconds } = needs
    const { id, email, credential_epoch } = account
    await consume(limit, claims.sid ?? id)
    const { password, fault } = await judgeNewPassword(new_password, email)
    if (fault !== null) throw fieldInvalid({ pointer: '#/new_password', detail: fault })
    await requireCurrentPassword(needs, account, current_password)
    const password_digest = await passwords.hash(password)
    // The epoch is that of the bearer token: who was signed out while this was hashed changes nothing any more.
    const change = { id, credential_epoch, keep: claims.sid ?? null, password_digest }
    const ended = await accounts.endOtherSignIns({ ...change, reason: 'password_changed' })
    if (ended === null) throw new Problem('AUTH_TOKEN_INVALID', 'credentials_changed_meanwhile')
    await blocklist.add(signInEntries(ended), access_token_seconds)
  }
