import type { AccountLife } from '../../ports/accounts.ts'
import type { Owner } from '../access/actor.ts'
import { requireUnchanged } from '../access/require-unchanged.ts'
import type { OwnerProof, RequireStepUp } from '../factors/require-step-up.ts'

type Needs = Readonly<{
  accountLife: AccountLife
  requireStepUp: RequireStepUp
}>

export type DeleteAccount = (owner: Owner, ownerProof: OwnerProof) => Promise<void>

/** Ours – Deletes the account of the person who asks. A deletion cannot be undone. */
export const createDeleteAccount =
  ({ accountLife, requireStepUp }: Needs): DeleteAccount =>
  async (owner, ownerProof) => {
    const { id, credential_epoch } = owner.account
    await requireStepUp(owner, ownerProof)
    // The epoch is that of the sign-in that asks: a sign-in that was ended while the proof was judged deletes nothing.
    requireUnchanged(await accountLife.delete({ id, credential_epoch }))
  }
