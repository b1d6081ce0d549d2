// @ts-check
// Runs in threads of its own: on the event loop it would hold every other answer up, and on Node's pool every signature.
import { pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto'
import { compareSync, hashSync } from 'bcryptjs'

/** @typedef {import('../domain/password-digest.ts').ParsedDigest} ParsedDigest */

/** @param {{ password: string, cost: number }} task */
export const hash = ({ password, cost }) => hashSync(password, cost)

/**
 * `cost` is what a digest of today costs; `parsed` is null where there is none to compare with. Tells how long it worked, the
 * waiting for its turn not counted.
 * @param {{ password: string, parsed: ParsedDigest | null, cost: number }} task
 */
export const matches = async task => {
  const started = performance.now()
  const isMatch = await compare(task)
  // Cheap or dear, a digest of another kind is then never cheaper than none: what is held back has one lower bound.
  if (!isMatch && task.parsed !== null && task.parsed.scheme !== 'bcrypt') spend(task.password, task.cost)
  return { isMatch, milliseconds: performance.now() - started }
}

/** @param {{ password: string, parsed: ParsedDigest | null, cost: number }} task */
const compare = async ({ password, parsed, cost }) => {
  if (parsed === null) return spend(password, cost)
  switch (parsed.scheme) {
    case 'bcrypt': {
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

/**
 * The work of one bcrypt digest, for nothing.
 * @param {string} password
 * @param {number} cost
 */
const spend = (password, cost) =>
  compareSync(password, `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`) && false
