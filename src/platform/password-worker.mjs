// @ts-check
// Runs in threads of its own: on the event loop it would hold every other answer up, and on Node's pool every signature.
import { pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto'
import { compareSync, hashSync } from 'bcryptjs'

/** @typedef {import('../domain/account/password-digest.ts').ParsedDigest} ParsedDigest */

/** @param {{ password: string, cost: number }} task */
export const hash = ({ password, cost }) => hashSync(password, cost)

/**
 * The first of the forms that the digest is of; null when there is none. `cost` is what a digest of today costs; `parsed` is null
 * where there is none to compare with. Tells how long it worked, the waiting for its turn not counted.
 * @param {{ forms: readonly string[], parsed: ParsedDigest | null, cost: number }} task
 */
export const findForm = async ({ forms, parsed, cost }) => {
  const started = performance.now()
  let tried = 0
  for (const form of forms) {
    tried += 1
    if (await isOf(form, parsed, cost)) return { form, tried, milliseconds: performance.now() - started }
    // Cheap or dear, a digest of another kind is then never cheaper than none: what is held back has one lower bound.
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
      // c, c, c + 1, … cost - 1 is the work of one digest of today, but for what each of them costs beside.
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

/** What bcrypt reads of a password; other providers cut the rest off, and Signet takes no longer one. */
const BCRYPT_BYTES = 72

/**
 * bcrypt repeats its key around a NUL: "pass" and "pass\0pass" would be one password.
 * @param {string} password
 * @param {{ isImported: boolean }} digest
 */
const isReadByBcrypt = (password, { isImported }) =>
  !password.includes('\0') && (isImported || Buffer.byteLength(password) <= BCRYPT_BYTES)

/**
 * The work of one bcrypt digest, for nothing.
 * @param {string} password
 * @param {number} cost
 */
const spend = (password, cost) =>
  compareSync(password, `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`) && false
