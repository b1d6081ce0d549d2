import { hashSync } from 'bcryptjs'
import { Piscina } from 'piscina'
import type { ParsedDigest } from '../domain/account/parsed-digest.ts'
import { passwordForms } from '../domain/account/password.ts'
import { type PasswordDigest, parsePasswordDigest } from '../domain/account/password-digest.ts'
import { Unavailable } from '../domain/base/unavailable.ts'
import type { Passwords, Wait } from '../ports/effects.ts'
import { COMMON_PASSWORDS } from './common-passwords-list.ts'
import { createTimingFloor } from './timing-floor.ts'
import { systemWait } from './wait.ts'

/** The most tasks that may wait for a worker, about ten seconds of work for one core at cost 10. Further tasks get Unavailable. */
const QUEUE_LENGTH = 256
const RETRY_AFTER_SECONDS = 5
const IDLE_MILLISECONDS = 60_000

/** Megabytes of heap for one thread. bcrypt needs four; argon2 and scrypt allocate their memory outside the heap. */
const OLD_GENERATION_MEGABYTES = 64
const YOUNG_GENERATION_MEGABYTES = 4
/** The time limit of a task, longer than a full queue takes. Without a limit a task would wait forever when no thread can start. */
const ANSWER_SECONDS = 30

type Pool = Readonly<{
  cost: number
  /** The most threads. A thread starts when there is work for it and ends after a minute without work. */
  workers: number
  wait?: Wait
  /** The module that a thread runs. */
  module?: URL
  /** What a former provider has appended to each password. Default: null, and digests that need it match nothing. */
  import_pepper?: string | null
  /** Seconds after which a task is given up. */
  answer_seconds?: number
}>

/** Makes bcrypt digests and checks digests of every supported scheme, in its own pool of worker threads. */
export const openPasswords = ({
  cost,
  workers,
  wait = systemWait,
  module = new URL('./password-worker.mjs', import.meta.url),
  import_pepper = null,
  answer_seconds = ANSWER_SECONDS,
}: Pool): Passwords & { waiting: () => number; close(): Promise<void> } => {
  const pool = new Piscina({
    filename: module.href,
    minThreads: 0,
    maxThreads: workers,
    maxQueue: QUEUE_LENGTH,
    idleTimeout: IDLE_MILLISECONDS,
    resourceLimits: {
      maxOldGenerationSizeMb: OLD_GENERATION_MEGABYTES,
      maxYoungGenerationSizeMb: YOUNG_GENERATION_MEGABYTES,
    },
    recordTiming: false,
  })
  // A thread that cannot start (missing file, no memory) raises this event, and an event without a listener ends the process.
  let fault: unknown
  pool.on('error', error => {
    fault = error
  })
  const timingFloor = createTimingFloor({ wait })
  const run = async (name: 'hash' | 'findForm', task: object): Promise<unknown> => {
    if (pool.queueSize >= QUEUE_LENGTH) throw new Unavailable('password_workers', RETRY_AFTER_SECONDS)
    const signal = AbortSignal.timeout(answer_seconds * 1000)
    try {
      return await pool.run({ ...task, cost }, { name, signal })
    } catch (error) {
      if (signal.aborted) throw new Unavailable('password_workers', RETRY_AFTER_SECONDS, fault)
      throw error
    }
  }
  const findForm: Passwords['findForm'] = async (typed, digest) => {
    const forms = passwordForms(typed)
    // An input that cannot be a password is not compared with the digest, and takes as long as an unknown e-mail.
    const parsed = digest === null || forms.length === 0 ? null : parsePasswordDigest(digest)
    const task = { forms: forms.length === 0 ? [''] : forms, parsed, import_pepper }
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
    waiting: () => pool.queueSize,
    close: () => pool.destroy(),
  }
}

/** The matching form, the number of forms that were compared, and the time that the comparisons took. */
type Verdict = Readonly<{ form: string | null; tried: number; milliseconds: number }>

/** True when a comparison takes exactly as long as for an unknown e-mail. A bcrypt digest of lower cost differs by half a millisecond. */
const isUsual = (parsed: ParsedDigest | null, cost: number): boolean =>
  parsed === null || (parsed.scheme === 'bcrypt' && parsed.cost === cost)

let common: ReadonlySet<string> | undefined

/** Built at the first new password, because the set takes some megabytes. */
const commonPasswords = (): ReadonlySet<string> => {
  common ??= new Set(COMMON_PASSWORDS.flatMap(line => line.split(' ')))
  return common
}

/** Each step of the cost doubles the time: a digest of a low cost is measured and multiplied. */
const MEASURED_COST = 5
const MEASUREMENTS = 4

/** The milliseconds that a digest of this cost takes on this machine, when nothing else runs. Blocks the event loop for some of them. */
export const measureHash = (cost: number): number => {
  const times = Array.from({ length: MEASUREMENTS }, () => {
    const began = performance.now()
    hashSync('a password of no account', MEASURED_COST)
    return performance.now() - began
  })
  // The first ones also compile the code.
  return Math.min(...times) * 2 ** (cost - MEASURED_COST)
}
