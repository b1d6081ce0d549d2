import { isKeyLong, isScryptBounded, type ParsedDigest, pbkdf2HashOf, roundsOf } from './parsed-digest.ts'
import { parseArgon2, parseBcrypt } from './standard-digests.ts'

/** Ours – Reads a digest in a form of one framework or provider. Null for any other, and for costs beyond the bounds. */
export const parseForeignDigest = (text: string): ParsedDigest | null =>
  parsePrefixed(text) ??
  parseDjangoScrypt(text) ??
  parseWerkzeug(text) ??
  parseBetterAuth(text) ??
  parsePhpass(text) ??
  parseFirebase(text) ??
  parseAspNet(text)

/** By prefix: Django names the function in front of a digest, WordPress 6.8 its prehash, and `pepper:` is of Signet. */
const PREFIXES: readonly (readonly [string, (rest: string) => ParsedDigest | null])[] = [
  ['bcrypt_sha256$', rest => parseBcrypt(rest, 'sha256_hex')],
  ['bcrypt$', rest => parseBcrypt(rest.replace('$2b$', '$2a$'))],
  ['argon2', parseArgon2],
  ['$wp', rest => parseBcrypt(rest, 'wordpress')],
  ['pepper:', rest => parseBcrypt(rest, 'pepper')],
]

const parsePrefixed = (text: string): ParsedDigest | null => {
  const [prefix, parse] = PREFIXES.find(([each]) => text.startsWith(`${each}$`)) ?? []
  return prefix === undefined || parse === undefined ? null : parse(text.slice(prefix.length))
}

/** Django's ScryptPasswordHasher: `scrypt$N$salt$r$p$key`, whose salt is text. */
const parseDjangoScrypt = (text: string): ParsedDigest | null => {
  const form =
    /^scrypt\$(\d{1,8})\$([\x21-\x23\x25-\x7e]{1,128})\$(\d{1,3})\$(\d{1,2})\$([\w+/]{22,172}={0,2})$/
  const [, n, salt = '', r, p, key = ''] = form.exec(text) ?? []
  return scryptOf({ n, r, p }, { salt: Buffer.from(salt), key: Buffer.from(key, 'base64') })
}

/** werkzeug.security: `scrypt:N:r:p$salt$hex` and `pbkdf2:sha256:rounds$salt$hex`, whose salt is text. */
const parseWerkzeug = (text: string): ParsedDigest | null => {
  const [method = '', salt = '', hex = '', ...surplus] = text.split('$')
  const isWhole = /^[\x21-\x7e]{1,128}$/.test(salt) && /^(?:[\da-f]{2}){16,128}$/.test(hex)
  if (!isWhole || surplus.length > 0) return null
  const bytes = { salt: Buffer.from(salt), key: Buffer.from(hex, 'hex') }
  const [, n, r, p] = /^scrypt:(\d{1,8}):(\d{1,3}):(\d{1,2})$/.exec(method) ?? []
  if (n !== undefined) return scryptOf({ n, r, p }, bytes)
  const [, name, count] = /^pbkdf2:(sha1|sha256|sha512):(\d{1,7})$/.exec(method) ?? []
  const rounds = roundsOf(count)
  return rounds === null ? null : { scheme: 'pbkdf2', hash: pbkdf2HashOf(name), rounds, ...bytes }
}

/** better-auth: the salt and the key in hexadecimal digits, the salt used as this text; scrypt of N = 16384, r = 16, p = 1. */
const parseBetterAuth = (text: string): ParsedDigest | null => {
  const [, salt, key] = /^([\da-f]{32}):([\da-f]{128})$/.exec(text) ?? []
  if (salt === undefined || key === undefined) return null
  return { scheme: 'scrypt', log2_n: 14, r: 16, p: 1, salt: Buffer.from(salt), key: Buffer.from(key, 'hex') }
}

const ITOA64 = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const PHPASS_LOG2_ROUNDS = { least: 7, most: 18 }

/** phpass in its portable form: `$P$` of WordPress, `$H$` of phpBB. */
const parsePhpass = (text: string): ParsedDigest | null => {
  const [, cost, salt, encoded] =
    /^\$[PH]\$([./\dA-Za-z])([./\dA-Za-z]{8})([./\dA-Za-z]{22})$/.exec(text) ?? []
  if (cost === undefined || salt === undefined || encoded === undefined) return null
  const log2_rounds = ITOA64.indexOf(cost)
  const { least, most } = PHPASS_LOG2_ROUNDS
  if (log2_rounds < least || log2_rounds > most) return null
  return { scheme: 'phpass', log2_rounds, salt: Buffer.from(salt), key: decodeItoa64(encoded, 16) }
}

/** Four characters are three bytes, the lowest bits first. */
const decodeItoa64 = (text: string, length: number): Uint8Array => {
  const bytes: number[] = []
  for (let at = 0; at < text.length; at += 4) {
    const group = text.slice(at, at + 4)
    const value = Array.from(group).reduceRight((sum, character) => sum * 64 + ITOA64.indexOf(character), 0)
    bytes.push(value & 255, (value >> 8) & 255, (value >> 16) & 255)
  }
  return Uint8Array.from(bytes.slice(0, length))
}

/** Firebase's scrypt as supabase/auth writes it: with the parameters of the project, `ss` the salt separator and `sk` the signer key. */
const parseFirebase = (text: string): ParsedDigest | null => {
  const base64 = String.raw`[\w+/]{1,172}={0,2}`
  const form = new RegExp(
    String.raw`^\$fbscrypt\$v=1,n=(\d{1,2}),r=(\d{1,3}),p=1(?:,ss=(${base64}))?,sk=(${base64})\$(${base64})\$(${base64})$`,
  )
  const [, n, rounds, separator = '', signer = '', salt = '', hash = ''] = form.exec(text) ?? []
  const [log2_n, r] = [Number(n), Number(rounds)]
  const bytesOf = (encoded: string) => Buffer.from(encoded, 'base64')
  const key = bytesOf(hash)
  const signer_key = bytesOf(signer)
  const isWhole = key.length === signer_key.length && isKeyLong(key)
  if (!isWhole || !isScryptBounded({ log2_n, r, p: 1 })) return null
  return {
    scheme: 'firebase',
    log2_n,
    r,
    salt: Buffer.concat([bytesOf(salt), bytesOf(separator)]),
    signer_key,
    key,
  }
}

const ASP_NET_HASHES = ['sha1', 'sha256', 'sha512'] as const
const ASP_NET_2 = { rounds: 1_000, salt_bytes: 16, key_bytes: 32 }

/** ASP.NET Core Identity, PasswordHasher: Base64 of a marker (0: version 2, 1: version 3), the parameters, the salt and the key. */
const parseAspNet = (text: string): ParsedDigest | null => {
  if (!/^A[A-Za-z\d+/]{30,400}={0,2}$/.test(text)) return null
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) return null
  const { rounds: rounds_2, salt_bytes, key_bytes } = ASP_NET_2
  if (bytes[0] === 0) {
    if (bytes.length !== 1 + salt_bytes + key_bytes) return null
    const salt = bytes.subarray(1, 1 + salt_bytes)
    return { scheme: 'pbkdf2', hash: 'sha1', rounds: rounds_2, salt, key: bytes.subarray(1 + salt_bytes) }
  }
  if (bytes[0] !== 1 || bytes.length < 13) return null
  const hash = ASP_NET_HASHES[bytes.readUInt32BE(1)]
  const rounds = roundsOf(String(bytes.readUInt32BE(5)))
  const salt_end = 13 + bytes.readUInt32BE(9)
  const key = bytes.subarray(salt_end)
  if (hash === undefined || rounds === null || salt_end < 21 || !isKeyLong(key)) return null
  return { scheme: 'pbkdf2', hash, rounds, salt: bytes.subarray(13, salt_end), key }
}

type Cost = Readonly<{ n: string | undefined; r: string | undefined; p: string | undefined }>

const scryptOf = (
  { n, r, p }: Cost,
  bytes: Readonly<{ salt: Uint8Array; key: Uint8Array }>,
): ParsedDigest | null => {
  const cost = { log2_n: Math.log2(Number(n)), r: Number(r), p: Number(p) }
  const isPower = Number.isInteger(cost.log2_n)
  return isPower && isScryptBounded(cost) && isKeyLong(bytes.key)
    ? { scheme: 'scrypt', ...cost, ...bytes }
    : null
}
