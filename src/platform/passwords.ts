import { readFileSync } from 'node:fs'
import { passwordForms } from '../domain/account/password.ts'
import {
  type ParsedDigest,
  type PasswordDigest,
  parsePasswordDigest,
} from '../domain/account/password-digest.ts'
import { Unavailable } from '../domain/base/unavailable.ts'
import type { Passwords, Wait } from '../ports/effects.ts'
import { COMMON_PASSWORDS } from './common-passwords-list.ts'
import { createTimingFloor } from './timing-floor.ts'
import { systemWait } from './wait.ts'
import { openWorkerThreads } from './worker-threads.ts'

/** Sign-ins that may wait for a worker; about ten seconds of work a core at cost 10. More are told to come back. */
const QUEUE_LENGTH = 256
const RETRY_AFTER_SECONDS = 5
const IDLE_MILLISECONDS = 60_000

/** Megabytes for the objects of one thread. bcrypt needs four; argon2 and scrypt take theirs outside of this. */
const OLD_GENERATION_MEGABYTES = 64
const YOUNG_GENERATION_MEGABYTES = 4

/** Read once, with the rest of this version: a build may replace the file while the server runs. */
const WORKER = readFileSync(new URL('./password-worker.mjs', import.meta.url), 'utf8')

type Pool = Readonly<{
  cost: number
  /** Threads at most. Each is started when there is work for it, and ends when it has had none for a minute. */
  workers: number
  wait?: Wait
}>

/** bcrypt, and whatever was imported, in a pool of worker threads of its own. */
export const openPasswords = ({
  cost,
  workers,
  wait = systemWait,
}: Pool): Passwords & { waiting: () => number; close(): Promise<void> } => {
  const pool = openWorkerThreads({
    source: WORKER,
    worker_data: { require_from: import.meta.url },
    max_threads: workers,
    idle_milliseconds: IDLE_MILLISECONDS,
    resource_limits: {
      maxOldGenerationSizeMb: OLD_GENERATION_MEGABYTES,
      maxYoungGenerationSizeMb: YOUNG_GENERATION_MEGABYTES,
    },
  })
  const timingFloor = createTimingFloor({ wait })
  const run = async (name: 'hash' | 'findForm', task: object): Promise<unknown> => {
    if (pool.waiting() >= QUEUE_LENGTH) throw new Unavailable('password_workers', RETRY_AFTER_SECONDS)
    return pool.run({ name, task: { ...task, cost } })
  }
  const findForm: Passwords['findForm'] = async (typed, digest) => {
    const forms = passwordForms(typed)
    // What can be no password is compared with no digest: it costs what an unknown e-mail costs.
    const parsed = digest === null || forms.length === 0 ? null : parsePasswordDigest(digest)
    const task = { forms: forms.length === 0 ? [''] : forms, parsed }
    const { form, tried, milliseconds } = (await run('findForm', task)) as Verdict
    if (!isUsual(parsed, cost)) timingFloor.learn(milliseconds / tried)
    if (form === null) await timingFloor.hold(milliseconds, tried)
    return form
  }
  return {
    hash: async password => (await run('hash', { password })) as PasswordDigest,
    findForm,
    matches: async (typed, digest) => (await findForm(typed, digest)) !== null,
    isCommon: async password => commonPasswords().has(password.toLowerCase()),
    /** Passwords that wait for a worker. */
    waiting: pool.waiting,
    close: pool.close,
  }
}

/** How many forms were compared, and how long that took. */
type Verdict = Readonly<{ form: string | null; tried: number; milliseconds: number }>

/** True where it takes exactly as long as no digest at all: one of lower cost is told by half a millisecond. */
const isUsual = (parsed: ParsedDigest | null, cost: number): boolean =>
  parsed === null || (parsed.scheme === 'bcrypt' && parsed.cost === cost)

let common: ReadonlySet<string> | undefined

/** A set of some megabytes, made when the first new password comes. */
const commonPasswords = (): ReadonlySet<string> => {
  common ??= new Set(COMMON_PASSWORDS.flatMap(line => line.split(' ')))
  return common
}
