import type { CeremonyPurpose } from '../../domain/factors/ceremony.ts'
import {
  digestOfRecoveryCode,
  RECOVERY_CODE_CHARACTERS,
  RECOVERY_CODES,
  type RecoveryCode,
  recoveryCodeOf,
} from '../../domain/factors/recovery-code.ts'
import type { FactorMethod } from '../../domain/oauth/acr.ts'
import { fieldInvalid } from '../../domain/refusals/problem.ts'
import type { Random } from '../../ports/effects.ts'
import type { Factors, FactorsOf } from '../../ports/factors.ts'
import { actingIdOf, keptOf, keptWith, type Owner } from '../access/actor.ts'
import type { BegunCeremony, CeremonySteps, ResumedCeremony } from './ceremonies.ts'
import type { RequireStepUp } from './require-step-up.ts'

type Needs = Readonly<{
  factors: Factors
  ceremonySteps: CeremonySteps
  random: Random
  requireStepUp: RequireStepUp
}>

type Enrolment = Extract<CeremonyPurpose, 'totp_enrolment' | 'passkey_enrolment'>

/** The common parts of every change of an account's factors: only the owner makes one, and it ends every other sign-in. */
export const createChangeFactors = (needs: Needs) => {
  const { factors, ceremonySteps, random, requireStepUp } = needs
  const createCodes = () =>
    Array.from({ length: RECOVERY_CODES }, () => recoveryCodeOf(random.bytes(RECOVERY_CODE_CHARACTERS)))

  return {
    /** The factors of the account. */
    find: ({ account }: Owner): Promise<FactorsOf> => factors.find(account.id),

    requireStepUp,

    begin: (owner: Owner, purpose: Enrolment, payload: Uint8Array): Promise<BegunCeremony> => {
      const { account, client_id } = owner
      const family_id = actingIdOf(owner)
      // An enrolment opens no sign-in: the transport is never used.
      return ceremonySteps.begin({
        purpose,
        account,
        family_id,
        client_id,
        refresh_transport: 'body',
        payload,
      })
    },

    resume: (owner: Owner, purpose: Enrolment, handle: string): Promise<ResumedCeremony> =>
      ceremonySteps.resume({ handle, purpose, family_id: actingIdOf(owner) }),

    /** The account whose factors change, and the sign-in that goes on; null: no new factor was proved. */
    changeOf: (owner: Owner, proved: FactorMethod | null) => ({
      account_id: owner.account.id,
      credential_epoch: owner.account.credential_epoch,
      ...(proved === null ? keptOf(owner) : keptWith(owner, proved)),
    }),

    createCodes,
    /** New recovery codes for an account that has none left. They are shown this once. */
    codesFor: async ({ account }: Owner): Promise<readonly RecoveryCode[]> =>
      (await factors.find(account.id)).recovery_codes > 0 ? [] : createCodes(),
  }
}

export type ChangeFactors = ReturnType<typeof createChangeFactors>

export const digestsOf = (codes: readonly RecoveryCode[]) =>
  codes.map(digestOfRecoveryCode).filter(digest => digest !== null)

/** The refusal of a proof that proves nothing, with the field that it came in. */
export const unproven = (pointer: string, detail: string) =>
  fieldInvalid({ pointer, detail }, { reason: 'factor_unproven' })
