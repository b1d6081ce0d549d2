// @ts-check
/**
 * The sessions that the application had from the beginning. This file stands for express-session with a store that several servers share: a
 * random id in a cookie, and what is known of the session in a file.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const SESSION_SECONDS = 30 * 86_400

/** @typedef {{ user_id: string, auth_time: number, exp: number }} Session */

/**
 * What may be told of a session without giving it away.
 * @param {string} id
 */
export const keyOf = id => createHash('sha256').update(id).digest('hex')

const seconds = () => Math.floor(Date.now() / 1000)

/** @param {string} directory */
export const openSessions = directory => {
  mkdirSync(directory, { recursive: true })
  const fileOf = (/** @type {string} */ id) => join(directory, keyOf(id))
  return {
    /** @type {(id: string | undefined) => Session | null} */
    find: id => {
      try {
        const session = JSON.parse(readFileSync(fileOf(id ?? ''), 'utf8'))
        return session.exp > seconds() ? session : null
      } catch {
        return null
      }
    },
    /**
     * A new id at each sign-in, as `regenerate` of express-session does it.
     * @param {string} user_id
     */
    open: user_id => {
      const id = randomBytes(32).toString('base64url')
      const session = { user_id, auth_time: seconds(), exp: seconds() + SESSION_SECONDS }
      writeFileSync(fileOf(id), JSON.stringify(session), { mode: 0o600 })
      return id
    },
    end: (/** @type {string | undefined} */ id) => rmSync(fileOf(id ?? ''), { force: true }),
  }
}
