// @ts-check
// Runs in its own threads: on the event loop it would delay every response, and on Node's thread pool every signature.
import {
  createCipheriv,
  createHmac,
  hash as digestOf,
  pbkdf2Sync,
  scryptSync,
  timingSafeEqual,
} from 'node:crypto'
import { compareSync, hashSync } from 'bcryptjs'

/** @typedef {import('../domain/account/parsed-digest.ts').ParsedDigest} ParsedDigest */

/** @param {{ password: string, cost: number }} task */
export const hash = ({ password, cost }) => hashSync(password, cost)

/**
 * Finds the first of the forms that matches the digest; null when none matches. `cost` is the current bcrypt cost; `parsed` is null
 * when there is no digest to compare with. `milliseconds` is the time of the work, without the time in the queue.
 * @param {{ forms: readonly string[], parsed: ParsedDigest | null, cost: number, import_pepper: string | null }} task
 */
export const findForm = async ({ forms, parsed, cost, import_pepper }) => {
  const started = performance.now()
  let tried = 0
  for (const form of forms) {
    tried += 1
    if (await isOf(form, parsed, { cost, import_pepper }))
      return { form, tried, milliseconds: performance.now() - started }
    // Adds one bcrypt digest, so that a failed comparison of another scheme never takes less time than an unknown e-mail.
    if (parsed !== null && parsed.scheme !== 'bcrypt') spend(form, cost)
  }
  return { form: null, tried, milliseconds: performance.now() - started }
}

/**
 * @param {string} password
 * @param {ParsedDigest | null} parsed
 * @param {{ cost: number, import_pepper: string | null }} settings
 */
const isOf = async (password, parsed, { cost, import_pepper }) => {
  if (parsed === null) return spend(password, cost)
  switch (parsed.scheme) {
    case 'bcrypt': {
      const key = bcryptKeyOf(password, parsed, import_pepper)
      if (key === null) return spend(password, cost)
      if (compareSync(key, parsed.text)) return true
      // Digests of cost c, c, c + 1, … cost - 1 together take the work of one digest of `cost`, but for the overhead of each.
      for (let spent = parsed.cost; spent < cost; spent += 1) spend(password, spent)
      return false
    }
    case 'argon2': {
      const { argon2Verify } = await import('hash-wasm')
      return argon2Verify({ password, hash: parsed.text })
    }
    case 'scrypt': {
      const { log2_n, r, p, salt, key } = parsed
      const limits = { N: 2 ** log2_n, r, p, maxmem: 256 * 2 ** log2_n * r + 1024 * r * p }
      return timingSafeEqual(scryptSync(password, salt, key.length, limits), key)
    }
    case 'firebase': {
      const { log2_n, r, salt, signer_key, key } = parsed
      const limits = { N: 2 ** log2_n, r, p: 1, maxmem: 256 * 2 ** log2_n * r + 1024 * r }
      const cipher = createCipheriv('aes-256-ctr', scryptSync(password, salt, 32, limits), new Uint8Array(16))
      return timingSafeEqual(cipher.update(signer_key), key)
    }
    case 'phpass':
      return timingSafeEqual(phpassOf(password, parsed), parsed.key)
    case 'pbkdf2': {
      const { hash: digest, rounds, salt, key } = parsed
      return timingSafeEqual(pbkdf2Sync(password, salt, rounds, key.length, digest), key)
    }
  }
}

/** bcrypt reads this many bytes of a password. Other providers truncate longer passwords; Signet refuses them. */
const BCRYPT_BYTES = 72

/**
 * The text that bcrypt has hashed for this password; null for a password that bcrypt cannot have hashed. bcrypt repeats its key around a NUL: "pass"
 * and "pass\0pass" would be one password.
 * @param {string} password
 * @param {Extract<ParsedDigest, { scheme: 'bcrypt' }>} digest
 * @param {string | null} import_pepper
 * @returns {string | null}
 */
const bcryptKeyOf = (password, { prehash, isImported }, import_pepper) => {
  switch (prehash) {
    case 'sha256_hex':
      return digestOf('sha256', password)
    case 'wordpress':
      // wp_hash_password() of WordPress 6.8.
      return createHmac('sha384', 'wp-sha384').update(trimAsPhp(password)).digest('base64')
    case 'pepper':
      return import_pepper === null || password.includes('\0') ? null : `${password}${import_pepper}`
    case null:
      return !password.includes('\0') && (isImported || Buffer.byteLength(password) <= BCRYPT_BYTES)
        ? password
        : null
  }
}

/**
 * The characters that trim() of PHP drops.
 * @param {string} text
 */
const trimAsPhp = text => text.replace(/^[ \t\n\r\0\v]+|[ \t\n\r\0\v]+$/g, '')

/**
 * The portable form of phpass: MD5 of the salt and the password, then again and again of the result and the password.
 * @param {string} typed
 * @param {Extract<ParsedDigest, { scheme: 'phpass' }>} digest
 */
const phpassOf = (typed, { log2_rounds, salt }) => {
  const password = Buffer.from(typed)
  let key = digestOf('md5', Buffer.concat([salt, password]), 'buffer')
  for (let round = 0; round < 2 ** log2_rounds; round += 1)
    key = digestOf('md5', Buffer.concat([key, password]), 'buffer')
  return key
}

/**
 * Does the work of one bcrypt comparison, to take the same time. Always false.
 * @param {string} password
 * @param {number} cost
 */
const spend = (password, cost) =>
  compareSync(password, `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`) && false
