import type { AccountLife } from '../../ports/accounts.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'
import { requireUnchanged } from '../access/require-unchanged.ts'
import type { OwnerProof, RequireStepUp } from '../factors/require-step-up.ts'

type Needs = Readonly<{
  accountLife: AccountLife
  requireStepUp: RequireStepUp
}>

export type DeleteAccount = (bearer: Bearer, ownerProof: OwnerProof) => Promise<void>

/** Ours – Deletes the account of the person who asks. A deletion cannot be undone. */
export const createDeleteAccount =
  ({ accountLife, requireStepUp }: Needs): DeleteAccount =>
  async (bearer, ownerProof) => {
    const { id, credential_epoch } = bearer.account
    await requireStepUp(bearer, ownerProof)
    // The epoch is that of the bearer token: a sign-in that was ended while the proof was judged deletes nothing.
    requireUnchanged(await accountLife.delete({ id, credential_epoch }))
  }
