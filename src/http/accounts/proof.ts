import type { z } from 'zod'
import { ASSERTION } from '../../domain/factors/assertion.ts'
import type { Proof } from '../../flows/factors/prove-factor.ts'
import { FILLED } from './fields.ts'

/** A proof is one of these three fields. */
export const PROOF = {
  totp: FILLED.optional(),
  recovery_code: FILLED.optional(),
  passkey: ASSERTION.optional(),
}

type Given = Readonly<{ [Name in keyof typeof PROOF]?: z.output<(typeof PROOF)[Name]> }>

/** The proof among the fields of a request; null where there is none or more than one. */
export const proofOf = ({ totp, recovery_code, passkey }: Given): Proof | null => {
  const proofs: Proof[] = []
  if (totp !== undefined) proofs.push({ kind: 'totp', code: totp })
  if (recovery_code !== undefined) proofs.push({ kind: 'recovery_code', code: recovery_code })
  if (passkey !== undefined) proofs.push({ kind: 'passkey', assertion: passkey })
  const [proof = null] = proofs
  return proofs.length === 1 ? proof : null
}
