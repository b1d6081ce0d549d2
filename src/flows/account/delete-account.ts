import type { AccountLife } from '../../ports/accounts.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'
import { requireUnchanged } from '../access/require-unchanged.ts'
import type { OwnerProof, RequireStepUp } from '../factors/require-step-up.ts'

type Needs = Readonly<{
  accountLife: AccountLife
  requireStepUp: RequireStepUp
}>

export type DeleteAccount = (bearer: Bearer, ownerProof: OwnerProof) => Promise<void>

/** Ours – A person deletes their account. There is no way back. */
export const createDeleteAccount =
  ({ accountLife, requireStepUp }: Needs): DeleteAccount =>
  async (bearer, ownerProof) => {
    const { id, credential_epoch } = bearer.account
    await requireStepUp(bearer, ownerProof)
    // The epoch is that of the bearer token: who was signed out while this was hashed deletes nothing any more.
    requireUnchanged(await accountLife.delete({ id, credential_epoch }))
  }
