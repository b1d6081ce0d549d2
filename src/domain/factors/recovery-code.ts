import { BASE32 } from '../base/base32.ts'
import { type Digest, digestOf, type Plain } from '../base/digest.ts'

/** What opens a sign-in once when the second factor is lost. That it does so once is judged in SQL, by store/factors/factor-proofs.ts. */
export type RecoveryCode = Plain<'recovery_code'>

/** How many a person is given. */
export const RECOVERY_CODES = 10
/**
 * For so long a new set is not replaced: of two requests at once, one that looks when the other has committed would void the codes that
 * the person has just been given. Judged in SQL, by store/factors/factors.ts.
 */
export const RECOVERY_RENEWED_SECONDS = 10
/** Characters of five bits: 125, which nobody searches; it is why a plain digest will do, and why their tries need no delay. */
export const RECOVERY_CODE_CHARACTERS = 25
const SHAPE = new RegExp(`^[${BASE32}]{${RECOVERY_CODE_CHARACTERS}}$`)

/** Ours – A code, of a random byte a character, in groups of five: `k3v7q-…`. */
export const recoveryCodeOf = (bytes: Uint8Array): RecoveryCode => {
  const characters = Array.from(bytes, byte => BASE32.charAt(byte & 31)).join('')
  return (characters.match(/.{5}/g) ?? []).join('-') as RecoveryCode
}

/** The digest of a code as a person typed it, whatever its case and gaps; null when it can be none. */
export const digestOfRecoveryCode = (text: string): Digest<'recovery_code'> | null => {
  const characters = text.toLowerCase().replaceAll(/[\s-]/g, '')
  return SHAPE.test(characters) ? digestOf(characters as RecoveryCode) : null
}
