import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import type { PasswordDigest } from '../domain/account.ts'
import { Unavailable } from '../domain/unavailable.ts'
import type { Passwords } from '../ports.ts'

/** Sign-ins that may wait for a worker; about ten seconds of work a core at cost 10. More are told to come back. */
const QUEUE_LENGTH = 256
const RETRY_AFTER_SECONDS = 5
const IDLE_MILLISECONDS = 60_000

/** bcrypt in a pool of worker threads of its own, started when the first password comes. */
export const openPasswords = ({
  cost,
}: {
  cost: number
}): Passwords & { waiting: () => number; close(): Promise<void> } => {
  const pool = new Piscina({
    filename: new URL('./password-worker.mjs', import.meta.url).href,
    minThreads: 0,
    maxThreads: availableParallelism(),
    maxQueue: QUEUE_LENGTH,
    idleTimeout: IDLE_MILLISECONDS,
    recordTiming: false,
  })
  const run = async (name: 'hash' | 'matches', task: object): Promise<unknown> => {
    if (pool.queueSize >= QUEUE_LENGTH) throw new Unavailable('password_workers', RETRY_AFTER_SECONDS)
    return pool.run(task, { name })
  }
  return {
    hash: async password => (await run('hash', { password, cost })) as PasswordDigest,
    matches: async (password, digest) => {
      const isMatch = (await run('matches', { password, digest: digest ?? unmatchable(cost) })) === true
      return isMatch && digest !== null
    },
    /** Passwords that wait for a worker. */
    waiting: () => pool.queueSize,
    close: () => pool.destroy(),
  }
}

/** Well-formed, of the same cost as a real digest, so that an unknown e-mail takes as long as a wrong password. */
const unmatchable = (cost: number) => `$2b$${cost}$${'.'.repeat(53)}`
