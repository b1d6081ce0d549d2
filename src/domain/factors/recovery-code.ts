import { type Digest, digestOf, type Plain } from '../base/digest.ts'
import { BASE32 } from './base32.ts'

/** Replaces a lost second factor, once. Single use is enforced in SQL, by store/factors/factor-proofs.ts. */
export type RecoveryCode = Plain<'recovery_code'>

/** Codes of one set. */
export const RECOVERY_CODES = 10
/**
 * Seconds for which a new set cannot be replaced: of two concurrent requests, the later one would void the codes that the person has just
 * been given. Judged in SQL, by store/factors/factors.ts.
 */
export const RECOVERY_RENEWED_SECONDS = 10
/** Characters of five bits, 125 bits in all: too many to search, so that a fast digest is enough and tries need no delay. */
export const RECOVERY_CODE_CHARACTERS = 25
const SHAPE = new RegExp(`^[${BASE32}]{${RECOVERY_CODE_CHARACTERS}}$`)

/** Ours – A code in groups of five characters, `k3v7q-…`, from one random byte a character. */
export const recoveryCodeOf = (bytes: Uint8Array): RecoveryCode => {
  const characters = Array.from(bytes, byte => BASE32.charAt(byte & 31)).join('')
  return (characters.match(/.{5}/g) ?? []).join('-') as RecoveryCode
}

/** The digest of a code as a person typed it, in any case and with any gaps. Null for a text that cannot be a code. */
export const digestOfRecoveryCode = (text: string): Digest<'recovery_code'> | null => {
  const characters = text.toLowerCase().replaceAll(/[\s-]/g, '')
  return SHAPE.test(characters) ? digestOf(characters as RecoveryCode) : null
}
