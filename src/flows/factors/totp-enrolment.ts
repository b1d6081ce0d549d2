import type { Peppers } from '../../domain/base/pepper.ts'
import { base32Of } from '../../domain/factors/base32.ts'
import { NONCE_BYTES, type SealedSecret, seal, unseal } from '../../domain/factors/sealed-secret.ts'
import { findTotpStep, TOTP_SECRET_BYTES, totpUri } from '../../domain/factors/totp.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import type { Factors } from '../../ports/factors.ts'
import type { Owner } from '../access/actor.ts'
import { requireUnchanged } from '../access/require-unchanged.ts'
import { type ChangeFactors, digestsOf, unproven } from './change-factors.ts'
import type { OwnerProof } from './require-step-up.ts'

type Needs = Readonly<{
  factors: Factors
  change: ChangeFactors
  peppers: Peppers
  random: Random
  clock: Clock
  /** The name of this server in authenticator applications. */
  issuer_name: string
}>

/** RFC 6238 – Enrols an authenticator application: first the secret, then a code that proves that the application has it. */
export const createTotpEnrolment = ({ factors, change, peppers, random, clock, issuer_name }: Needs) => ({
  begin: async (owner: Owner, ownerProof: OwnerProof) => {
    const { totp } = await change.find(owner)
    if (totp !== null) throw new Problem('FACTOR_EXISTS', { reason: 'totp_exists' })
    await change.requireStepUp(owner, ownerProof)
    const { id, email } = owner.account
    const secret = random.bytes(TOTP_SECRET_BYTES)
    const sealed = seal(secret, { owner: id, nonce: random.bytes(NONCE_BYTES) }, peppers[0])
    const begun = await change.begin(owner, 'totp_enrolment', sealed)
    return { ...begun, secret: base32Of(secret), uri: totpUri(secret, { issuer: issuer_name, email }) }
  },

  /** Spends the code too: a code that was seen over a shoulder signs no thief in. */
  confirm: async (owner: Owner, { handle, code }: Readonly<{ handle: string; code: string }>) => {
    const { payload, finish } = await change.resume(owner, 'totp_enrolment', handle)
    const sealed = payload as SealedSecret
    const secret = unseal(sealed, owner.account.id, peppers)
    const step = secret === null ? null : findTotpStep(code, secret, clock())
    if (step === null) throw unproven('#/totp', 'must be the code that the application shows now')
    await finish()
    const codes = await change.codesFor(owner)
    const added = { ...change.changeOf(owner, 'otp'), secret: sealed, step, recovery: digestsOf(codes) }
    const { isRecoveryGiven } = requireUnchanged(await factors.addTotp(added))
    return { recovery_codes: isRecoveryGiven ? codes : [] }
  },

  remove: async (owner: Owner, ownerProof: OwnerProof): Promise<void> => {
    const { totp } = await change.find(owner)
    if (totp === null) throw new Problem('NOT_FOUND', { reason: 'totp_absent' })
    await change.requireStepUp(owner, ownerProof)
    requireUnchanged(await factors.removeTotp(change.changeOf(owner, null)))
  },
})

export type TotpEnrolment = ReturnType<typeof createTotpEnrolment>
