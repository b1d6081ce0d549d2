import { presentPasskey } from '../../domain/factors/passkey.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Factors } from '../../ports/factors.ts'
import type { Owner } from '../access/actor.ts'
import { requireUnchanged } from '../access/require-unchanged.ts'
import { type ChangeFactors, digestsOf } from './change-factors.ts'
import { hasFactor } from './offer-factors.ts'
import type { OwnerProof } from './require-step-up.ts'

type Needs = Readonly<{ factors: Factors; change: ChangeFactors }>

/** Ours – Lists the second factors of an account, and makes its recovery codes anew. */
export const createFactorOverview = ({ factors, change }: Needs) => ({
  list: async (account_id: string) => {
    const { totp, passkeys, recovery_codes } = await factors.find(account_id)
    return {
      totp: totp && { created_at: totp.created_at.toISOString() },
      passkeys: passkeys.map(presentPasskey),
      recovery_codes,
    }
  },

  /** Makes a new set of recovery codes, which voids the former one. No sign-in ends: the account signs in with the same factors. */
  renewRecoveryCodes: async (owner: Owner, ownerProof: OwnerProof) => {
    const has = await change.find(owner)
    if (!hasFactor(has)) throw new Problem('NOT_FOUND', { reason: 'no_second_factor' })
    await change.requireStepUp(owner, ownerProof)
    const codes = change.createCodes()
    const { id, credential_epoch } = owner.account
    const set = { id, credential_epoch, replaces: has.recovery_set, digests: digestsOf(codes) }
    const outcome = requireUnchanged(await factors.replaceRecoveryCodes(set))
    if (outcome === 'overtaken') throw new Problem('RECOVERY_CODES_CHANGED')
    return { recovery_codes: codes }
  },
})

export type FactorOverview = ReturnType<typeof createFactorOverview>
