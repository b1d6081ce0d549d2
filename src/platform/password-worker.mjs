// @ts-check
// Runs in its own threads: on the event loop it would delay every response, and on Node's thread pool every signature.
import { pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto'
import { compareSync, hashSync } from 'bcryptjs'

/** @typedef {import('../domain/account/password-digest.ts').ParsedDigest} ParsedDigest */

/** @param {{ password: string, cost: number }} task */
export const hash = ({ password, cost }) => hashSync(password, cost)

/**
 * Finds the first of the forms that matches the digest; null when none matches. `cost` is the current bcrypt cost; `parsed` is null
 * when there is no digest to compare with. `milliseconds` is the time of the work, without the time in the queue.
 * @param {{ forms: readonly string[], parsed: ParsedDigest | null, cost: number }} task
 */
export const findForm = async ({ forms, parsed, cost }) => {
  const started = performance.now()
  let tried = 0
  for (const form of forms) {
    tried += 1
    if (await isOf(form, parsed, cost)) return { form, tried, milliseconds: performance.now() - started }
    // Adds one bcrypt digest, so that a failed comparison of another scheme never takes less time than an unknown e-mail.
    if (parsed !== null && parsed.scheme !== 'bcrypt') spend(form, cost)
  }
  return { form: null, tried, milliseconds: performance.now() - started }
}

/**
 * @param {string} password
 * @param {ParsedDigest | null} parsed
 * @param {number} cost
 */
const isOf = async (password, parsed, cost) => {
  if (parsed === null) return spend(password, cost)
  switch (parsed.scheme) {
    case 'bcrypt': {
      if (!isReadByBcrypt(password, parsed)) return spend(password, cost)
      if (compareSync(password, parsed.text)) return true
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
    case 'pbkdf2': {
      const { hash: digest, rounds, salt, key } = parsed
      return timingSafeEqual(pbkdf2Sync(password, salt, rounds, key.length, digest), key)
    }
  }
}

/** bcrypt reads this many bytes of a password. Other providers truncate longer passwords; Signet refuses them. */
const BCRYPT_BYTES = 72

/**
 * bcrypt repeats its key around a NUL: "pass" and "pass\0pass" would be one password.
 * @param {string} password
 * @param {{ isImported: boolean }} digest
 */
const isReadByBcrypt = (password, { isImported }) =>
  !password.includes('\0') && (isImported || Buffer.byteLength(password) <= BCRYPT_BYTES)

/**
 * Does the work of one bcrypt comparison, to take the same time. Always false.
 * @param {string} password
 * @param {number} cost
 */
const spend = (password, cost) =>
  compareSync(password, `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`) && false
