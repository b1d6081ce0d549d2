import {
  BCRYPT_MAX_COST,
  type BcryptPrehash,
  isScryptBounded,
  MAX_KIBIBYTE_PASSES,
  MAX_KIBIBYTES,
  type ParsedDigest,
  pbkdf2HashOf,
  roundsOf,
  withKey,
} from './parsed-digest.ts'

/** The modular crypt format of OpenBSD. The letters stand for bug fixes that do not concern 72 bytes of UTF-8. */
export const parseBcrypt = (text: string, prehash: BcryptPrehash | null = null): ParsedDigest | null => {
  const [, digits] = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text) ?? []
  const cost = Number(digits)
  const isImported = prehash !== null || !text.startsWith('$2b$')
  return cost >= 4 && cost <= BCRYPT_MAX_COST ? { scheme: 'bcrypt', cost, text, isImported, prehash } : null
}

/** RFC 9106 §3.1, in the PHC string format. */
export const parseArgon2 = (text: string): ParsedDigest | null => {
  const form =
    /^\$argon2(?:id|i|d)\$v=19\$m=(\d{1,7}),t=(\d{1,4}),p=(\d{1,2})\$[A-Za-z\d+/]{11,86}\$[A-Za-z\d+/]{22,171}$/
  const [, memory, passes, lanes] = form.exec(text) ?? []
  const [kibibytes, t, p] = [Number(memory), Number(passes), Number(lanes)]
  const isBounded = kibibytes <= MAX_KIBIBYTES && kibibytes * t <= MAX_KIBIBYTE_PASSES
  return isBounded && t >= 1 && p >= 1 && kibibytes >= 8 * p ? { scheme: 'argon2', text } : null
}

/** RFC 7914 §2, in the PHC string format. */
export const parseScrypt = (text: string): ParsedDigest | null => {
  const form = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([\w+/.]+)\$([\w+/.]+)$/
  const [, ln, blocks, lanes, salt, key] = form.exec(text) ?? []
  const [log2_n, r, p] = [Number(ln), Number(blocks), Number(lanes)]
  if (!isScryptBounded({ log2_n, r, p })) return null
  return withKey(salt, key, bytes => ({ scheme: 'scrypt', log2_n, r, p, ...bytes }))
}

/** RFC 8018 §5.2, in the PHC string format and in passlib's, which names the rounds alone. */
export const parsePbkdf2 = (text: string): ParsedDigest | null => {
  const form = /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,7})(?:,l=\d{1,3})?\$([\w+/.]+)\$([\w+/.]+)$/
  const [, name, count, salt, key] = form.exec(text) ?? []
  const rounds = roundsOf(count)
  if (rounds === null) return null
  return withKey(salt, key, bytes => ({ scheme: 'pbkdf2', hash: pbkdf2HashOf(name), rounds, ...bytes }))
}

/** Django's form of PBKDF2, whose salt is text. */
export const parseDjango = (text: string): ParsedDigest | null => {
  const form = /^pbkdf2_(sha1|sha256)\$(\d{1,7})\$([\x21-\x23\x25-\x7e]{1,128})\$([\w+/]+={0,2})$/
  const [, name, count, salt, key] = form.exec(text) ?? []
  const rounds = roundsOf(count)
  if (rounds === null || salt === undefined) return null
  return withKey(salt, key, ({ key: bytes }) => ({
    scheme: 'pbkdf2',
    hash: pbkdf2HashOf(name),
    rounds,
    salt: Buffer.from(salt),
    key: bytes,
  }))
}
