import { fieldInvalid } from '../../domain/refusals/problem.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Passwords } from '../../ports/effects.ts'
import { keptOf, type Owner } from '../access/actor.ts'
import { requireUnchanged } from '../access/require-unchanged.ts'
import type { OwnerProof, RequireStepUp } from '../factors/require-step-up.ts'
import type { JudgeNewPassword } from './judge-new-password.ts'

type Needs = Readonly<{
  accounts: Accounts
  passwords: Passwords
  judgeNewPassword: JudgeNewPassword
  requireStepUp: RequireStepUp
}>

export type ChangePassword = (
  owner: Owner,
  given: Readonly<{ new_password: string; ownerProof: OwnerProof }>,
) => Promise<void>

/** Ours – Changes the password, and ends every sign-in but the one that asks. */
export const createChangePassword =
  (needs: Needs): ChangePassword =>
  async (owner, { new_password, ownerProof }) => {
    const { accounts, passwords, judgeNewPassword } = needs
    const { id, email, credential_epoch } = owner.account
    const { password, fault } = await judgeNewPassword(new_password, email)
    if (fault !== null) throw fieldInvalid({ pointer: '#/new_password', detail: fault })
    await needs.requireStepUp(owner, ownerProof)
    const password_digest = await passwords.hash(password)
    // The epoch is that of the sign-in that asks: a sign-in that was ended while the password was hashed changes nothing.
    const change = { id, credential_epoch, ...keptOf(owner), password_digest }
    requireUnchanged(await accounts.endOtherSignIns({ ...change, reason: 'password_changed' }))
  }
