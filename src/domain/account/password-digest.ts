import { parseForeignDigest } from './foreign-digests.ts'
import { isPbkdf2Bounded, type ParsedDigest } from './parsed-digest.ts'
import { parseArgon2, parseBcrypt, parseDjango, parsePbkdf2, parseScrypt } from './standard-digests.ts'

/** The digest of a password as its hash function writes it, with its cost and salt in front. Never sent, never logged. */
export type PasswordDigest = string & { readonly __brand: 'PasswordDigest' }

/** Ours – Reads a digest of a hash function that Signet verifies. Null for any other function, and for costs beyond the bounds. */
export const parsePasswordDigest = (text: string): ParsedDigest | null => {
  const parsed =
    parseBcrypt(text) ??
    parseArgon2(text) ??
    parseScrypt(text) ??
    parsePbkdf2(text) ??
    parseDjango(text) ??
    parseForeignDigest(text)
  return parsed?.scheme === 'pbkdf2' && !isPbkdf2Bounded(parsed) ? null : parsed
}

/**
 * Ours – Marks an imported bcrypt digest with the letter `a`, which Signet's own digests never have. bcrypt treats both letters alike, but
 * only an imported digest may belong to a password of more than 72 bytes, which its provider cut off.
 */
export const markImportedDigest = (text: string): string => text.replace(/^\$2b\$/, '$2a$$')

/** True for a digest of another kind or of a lower cost than new ones: the next sign-in replaces it. */
export const isRenewalDue = (digest: PasswordDigest, cost: number): boolean => {
  const parsed = parsePasswordDigest(digest)
  return parsed?.scheme !== 'bcrypt' || parsed.cost < cost || parsed.isImported
}

/** The kinds by how they begin, in the words of a report. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^(?:bcrypt\$|bcrypt_sha256\$|pepper:|\$wp)?\$2/, 'bcrypt of a cost from 4 to 15'],
  [/argon2/, 'argon2 of 256 MiB and 1 GiB · passes at most, version 19'],
  [/scrypt/, 'scrypt of 256 MiB and 1 GiB · lanes at most'],
  [/pbkdf2/, 'PBKDF2 of 5 million rounds at most, those of all blocks of the key together'],
  [/^\$[PH]\$/, 'phpass of 2 ^ 18 rounds at most'],
]

/** What is wrong with a digest that `parsePasswordDigest` does not read, without a part of it. */
export const faultOfDigest = (text: string): string => {
  const kind = KINDS.find(([pattern]) => pattern.test(text.slice(0, 20)))?.[1]
  return kind === undefined ? 'is of no kind that Signet verifies' : `must be ${kind}, and complete`
}
