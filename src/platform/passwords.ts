import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import { type PasswordDigest, parsePasswordDigest } from '../domain/password-digest.ts'
import { Unavailable } from '../domain/unavailable.ts'
import type { Passwords } from '../ports.ts'

/** Sign-ins that may wait for a worker; about ten seconds of work a core at cost 10. More are told to come back. */
const QUEUE_LENGTH = 256
const RETRY_AFTER_SECONDS = 5
const IDLE_MILLISECONDS = 60_000

/** bcrypt, and whatever was imported, in a pool of worker threads of its own, started when the first password comes. */
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
    return pool.run({ ...task, cost }, { name })
  }
  return {
    hash: async password => (await run('hash', { password })) as PasswordDigest,
    matches: async (password, digest) => {
      const parsed = digest === null ? null : parsePasswordDigest(digest)
      return (await run('matches', { password, parsed })) === true
    },
    isCommon: async password => (await readCommon()).has(password.toLowerCase()),
    /** Passwords that wait for a worker. */
    waiting: () => pool.queueSize,
    close: () => pool.destroy(),
  }
}

let common: Promise<ReadonlySet<string>> | undefined

/** Some megabytes, read when the first new password comes. */
const readCommon = (): Promise<ReadonlySet<string>> => {
  common ??= import('./common-passwords-list.ts').then(
    ({ COMMON_PASSWORDS }) => new Set(COMMON_PASSWORDS.flatMap(line => line.split(' '))),
  )
  return common
}
