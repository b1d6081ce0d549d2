/** A digest, parsed as far as its verification needs. */
export type ParsedDigest = Readonly<
  | {
      scheme: 'bcrypt'
      cost: number
      text: string
      isImported: boolean
      /** What bcrypt was given in the place of the password. Null: the password. */
      prehash: BcryptPrehash | null
    }
  | { scheme: 'argon2'; text: string }
  | { scheme: 'scrypt'; log2_n: number; r: number; p: number; salt: Uint8Array; key: Uint8Array }
  | {
      scheme: 'pbkdf2'
      hash: 'sha1' | 'sha256' | 'sha512'
      rounds: number
      salt: Uint8Array
      key: Uint8Array
    }
  /** scrypt, whose key has encrypted the signer key of the project by AES-256-CTR: that is `key`. */
  | {
      scheme: 'firebase'
      log2_n: number
      r: number
      salt: Uint8Array
      signer_key: Uint8Array
      key: Uint8Array
    }
  /** MD5, repeated. */
  | { scheme: 'phpass'; log2_rounds: number; salt: Uint8Array; key: Uint8Array }
>

/**
 * `sha256_hex`: the SHA-256 in hexadecimal digits (Django). `wordpress`: Base64 of an HMAC. `pepper`: the password with
 * PASSWORD_IMPORT_PEPPER behind it (Devise).
 */
export type BcryptPrehash = 'sha256_hex' | 'wordpress' | 'pepper'

/** The most that one verification may cost: an imported digest must not be able to block a worker for minutes or fill the memory. */
export const BCRYPT_MAX_COST = 15
export const MAX_KIBIBYTES = 256 * 1024
/** Of argon2 the passes over its memory, of scrypt the lanes. */
export const MAX_KIBIBYTE_PASSES = 1024 * 1024
const SCRYPT_MAX_PARALLEL = 16
const PBKDF2_MAX_ROUNDS = 5_000_000
const KEY_MIN_BYTES = 16
const KEY_MAX_BYTES = 128

type ScryptCost = Readonly<{ log2_n: number; r: number; p: number }>

/** RFC 7914 §2 – N must be less than 2 ^ (128 * r / 8): OpenSSL refuses any other. */
export const isScryptBounded = ({ log2_n, r, p }: ScryptCost): boolean =>
  (2 ** log2_n * r) / 8 <= MAX_KIBIBYTES &&
  (2 ** log2_n * r * p) / 8 <= MAX_KIBIBYTE_PASSES &&
  p <= SCRYPT_MAX_PARALLEL &&
  log2_n >= 1 &&
  log2_n < 16 * r &&
  r >= 1 &&
  p >= 1

/** A short key would let a guess pass by chance. */
export const isKeyLong = ({ length }: Uint8Array): boolean =>
  length >= KEY_MIN_BYTES && length <= KEY_MAX_BYTES

/** Null for more rounds of PBKDF2 than one verification may cost. */
export const roundsOf = (digits: string | undefined): number | null => {
  const rounds = Number(digits)
  return rounds >= 1 && rounds <= PBKDF2_MAX_ROUNDS ? rounds : null
}

const HASH_BYTES = { sha1: 20, sha256: 32, sha512: 64 }

/** RFC 8018 §5.2 – Whether all rounds together are within the bound: each block of the key, which is as long as the hash, takes them anew. */
export const isPbkdf2Bounded = ({
  hash,
  rounds,
  key,
}: Readonly<{ hash: keyof typeof HASH_BYTES; rounds: number; key: Uint8Array }>): boolean =>
  rounds * Math.ceil(key.length / HASH_BYTES[hash]) <= PBKDF2_MAX_ROUNDS

/** Without a name, passlib means SHA-1. */
export const pbkdf2HashOf = (name: string | undefined) =>
  name === 'sha256' || name === 'sha512' ? name : 'sha1'

/** Decodes Base64 without padding, and passlib's, which has a dot for the plus. */
export const withKey = (
  salt: string | undefined,
  key: string | undefined,
  build: (bytes: { salt: Uint8Array; key: Uint8Array }) => ParsedDigest,
): ParsedDigest | null => {
  if (salt === undefined || key === undefined) return null
  const bytesOf = (text: string) => Buffer.from(text.replaceAll('.', '+'), 'base64')
  const bytes = { salt: bytesOf(salt), key: bytesOf(key) }
  return isKeyLong(bytes.key) ? build(bytes) : null
}
