import { fieldInvalid } from '../../domain/base/problem.ts'
import type { CeremonyPurpose } from '../../domain/factors/ceremony.ts'
import {
  digestOfRecoveryCode,
  RECOVERY_CODE_CHARACTERS,
  RECOVERY_CODES,
  type RecoveryCode,
  recoveryCodeOf,
} from '../../domain/factors/recovery-code.ts'
import type { Random } from '../../ports/effects.ts'
import type { Factors, FactorsOf } from '../../ports/factors.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'
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
    find: ({ account }: Bearer): Promise<FactorsOf> => factors.find(account.id),

    requireStepUp,

    begin: ({ account, claims }: Bearer, purpose: Enrolment, payload: Uint8Array): Promise<BegunCeremony> => {
      const { client_id, sid } = claims
      const family_id = sid ?? null
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

    resume: ({ claims }: Bearer, purpose: Enrolment, handle: string): Promise<ResumedCeremony> =>
      ceremonySteps.resume({ handle, purpose, family_id: claims.sid ?? null }),

    /** The account whose factors change, and the sign-in that goes on. */
    changeOf: ({ account, claims }: Bearer) => ({
      account_id: account.id,
      credential_epoch: account.credential_epoch,
      keep: claims.sid ?? null,
    }),

    createCodes,
    /** New recovery codes for an account that has none left. They are shown this once. */
    codesFor: async ({ account }: Bearer): Promise<readonly RecoveryCode[]> =>
      (await factors.find(account.id)).recovery_codes > 0 ? [] : createCodes(),
  }
}

export type ChangeFactors = ReturnType<typeof createChangeFactors>

export const digestsOf = (codes: readonly RecoveryCode[]) =>
  codes.map(digestOfRecoveryCode).filter(digest => digest !== null)

/** The refusal of a proof that proves nothing, with the field that it came in. */
export const unproven = (pointer: string, detail: string) =>
  fieldInvalid({ pointer, detail }, { reason: 'factor_unproven' })
