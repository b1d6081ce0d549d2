/** The digest of a password as its hash function writes it, with its cost and salt in front. Never sent, never logged. */
export type PasswordDigest = string & { readonly __brand: 'PasswordDigest' }

/** A digest, parsed as far as its verification needs. */
export type ParsedDigest = Readonly<
  | { scheme: 'bcrypt'; cost: number; text: string; isImported: boolean }
  | { scheme: 'argon2'; text: string }
  | { scheme: 'scrypt'; log2_n: number; r: number; p: number; salt: Uint8Array; key: Uint8Array }
  | {
      scheme: 'pbkdf2'
      hash: 'sha1' | 'sha256' | 'sha512'
      rounds: number
      salt: Uint8Array
      key: Uint8Array
    }
>

/** The most that one verification may cost: an imported digest must not be able to block a worker for minutes or fill the memory. */
const BCRYPT_MAX_COST = 15
const MAX_KIBIBYTES = 256 * 1024
const ARGON2_MAX_KIBIBYTE_PASSES = 1024 * 1024
const SCRYPT_MAX_PARALLEL = 16
const PBKDF2_MAX_ROUNDS = 5_000_000
const KEY_MIN_BYTES = 16
const KEY_MAX_BYTES = 128

/** Ours – Reads a digest of a hash function that Signet verifies. Null for any other function, and for costs beyond the bounds. */
export const parsePasswordDigest = (text: string): ParsedDigest | null =>
  parseBcrypt(text) ?? parseArgon2(text) ?? parseScrypt(text) ?? parsePbkdf2(text) ?? parseDjango(text)

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

/** The modular crypt format of OpenBSD. The letters stand for bug fixes that do not concern 72 bytes of UTF-8. */
const parseBcrypt = (text: string): ParsedDigest | null => {
  const [, digits] = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text) ?? []
  const cost = Number(digits)
  const isImported = !text.startsWith('$2b$')
  return cost >= 4 && cost <= BCRYPT_MAX_COST ? { scheme: 'bcrypt', cost, text, isImported } : null
}

/** RFC 9106 §3.1, in the PHC string format. */
const parseArgon2 = (text: string): ParsedDigest | null => {
  const form =
    /^\$argon2(?:id|i|d)\$v=19\$m=(\d{1,7}),t=(\d{1,4}),p=(\d{1,2})\$[A-Za-z\d+/]{11,86}\$[A-Za-z\d+/]{22,171}$/
  const [, memory, passes, lanes] = form.exec(text) ?? []
  const [kibibytes, t, p] = [Number(memory), Number(passes), Number(lanes)]
  const isBounded = kibibytes <= MAX_KIBIBYTES && kibibytes * t <= ARGON2_MAX_KIBIBYTE_PASSES
  return isBounded && t >= 1 && p >= 1 && kibibytes >= 8 * p ? { scheme: 'argon2', text } : null
}

/** RFC 7914 §2, in the PHC string format. */
const parseScrypt = (text: string): ParsedDigest | null => {
  const form = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([\w+/.]+)\$([\w+/.]+)$/
  const [, ln, blocks, lanes, salt, key] = form.exec(text) ?? []
  const [log2_n, r, p] = [Number(ln), Number(blocks), Number(lanes)]
  const isBounded = (2 ** log2_n * r) / 8 <= MAX_KIBIBYTES && p <= SCRYPT_MAX_PARALLEL
  // N must be less than 2 ^ (128 * r / 8): OpenSSL refuses any other.
  if (!isBounded || log2_n < 1 || log2_n >= 16 * r || r < 1 || p < 1) return null
  return withKey(salt, key, bytes => ({ scheme: 'scrypt', log2_n, r, p, ...bytes }))
}

/** RFC 8018 §5.2, in the PHC string format and in passlib's, which names the rounds alone. */
const parsePbkdf2 = (text: string): ParsedDigest | null => {
  const form = /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,7})(?:,l=\d{1,3})?\$([\w+/.]+)\$([\w+/.]+)$/
  const [, name, count, salt, key] = form.exec(text) ?? []
  const rounds = roundsOf(count)
  if (rounds === null) return null
  return withKey(salt, key, bytes => ({ scheme: 'pbkdf2', hash: hashOf(name), rounds, ...bytes }))
}

/** Django's form of PBKDF2, whose salt is text. */
const parseDjango = (text: string): ParsedDigest | null => {
  const form = /^pbkdf2_(sha1|sha256)\$(\d{1,7})\$([\x21-\x23\x25-\x7e]{1,128})\$([\w+/]+={0,2})$/
  const [, name, count, salt, key] = form.exec(text) ?? []
  const rounds = roundsOf(count)
  if (rounds === null || salt === undefined) return null
  return withKey(salt, key, ({ key: bytes }) => ({
    scheme: 'pbkdf2',
    hash: hashOf(name),
    rounds,
    salt: Buffer.from(salt),
    key: bytes,
  }))
}

const roundsOf = (digits: string | undefined): number | null => {
  const rounds = Number(digits)
  return rounds >= 1 && rounds <= PBKDF2_MAX_ROUNDS ? rounds : null
}

/** Without a name, passlib means SHA-1. */
const hashOf = (name: string | undefined) => (name === 'sha256' || name === 'sha512' ? name : 'sha1')

/** Decodes Base64 without padding, and passlib's, which has a dot for the plus. A short key would let a guess pass by chance. */
const withKey = (
  salt: string | undefined,
  key: string | undefined,
  build: (bytes: { salt: Uint8Array; key: Uint8Array }) => ParsedDigest,
): ParsedDigest | null => {
  if (salt === undefined || key === undefined) return null
  const bytesOf = (text: string) => Buffer.from(text.replaceAll('.', '+'), 'base64')
  const bytes = { salt: bytesOf(salt), key: bytesOf(key) }
  const isKey = bytes.key.length >= KEY_MIN_BYTES && bytes.key.length <= KEY_MAX_BYTES
  return isKey ? build(bytes) : null
}
