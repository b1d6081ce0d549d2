import { Piscina } from 'piscina'
import { passwordForms } from '../domain/account/password.ts'
import {
  type ParsedDigest,
  type PasswordDigest,
  parsePasswordDigest,
} from '../domain/account/password-digest.ts'
import { Unavailable } from '../domain/base/unavailable.ts'
import type { Passwords, Wait } from '../ports/effects.ts'
import { createTimingFloor } from './timing-floor.ts'
import { systemWait } from './wait.ts'

/** Sign-ins that may wait for a worker; about ten seconds of work a core at cost 10. More are told to come back. */
const QUEUE_LENGTH = 256
const RETRY_AFTER_SECONDS = 5
const IDLE_MILLISECONDS = 60_000

/** Megabytes for the objects of one thread. bcrypt needs four; argon2 and scrypt take theirs outside of this. */
const OLD_GENERATION_MEGABYTES = 64
const YOUNG_GENERATION_MEGABYTES = 4

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
  const pool = new Piscina({
    filename: new URL('./password-worker.mjs', import.meta.url).href,
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
  const timingFloor = createTimingFloor({ wait })
  const run = async (name: 'hash' | 'findForm', task: object): Promise<unknown> => {
    if (pool.queueSize >= QUEUE_LENGTH) throw new Unavailable('password_workers', RETRY_AFTER_SECONDS)
    return pool.run({ ...task, cost }, { name })
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
    isCommon: async password => (await readCommon()).has(password.toLowerCase()),
    /** Passwords that wait for a worker. */
    waiting: () => pool.queueSize,
    close: () => pool.destroy(),
  }
}

/** How many forms were compared, and how long that took. */
type Verdict = Readonly<{ form: string | null; tried: number; milliseconds: number }>

/** True where it takes exactly as long as no digest at all: one of lower cost is told by half a millisecond. */
const isUsual = (parsed: ParsedDigest | null, cost: number): boolean =>
  parsed === null || (parsed.scheme === 'bcrypt' && parsed.cost === cost)

let common: Promise<ReadonlySet<string>> | undefined

/** Some megabytes, read when the first new password comes. */
const readCommon = (): Promise<ReadonlySet<string>> => {
  common ??= import('./common-passwords-list.ts').then(
    ({ COMMON_PASSWORDS }) => new Set(COMMON_PASSWORDS.flatMap(line => line.split(' '))),
  )
  return common
}
