import { randomUUID } from 'node:crypto'
import { access, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { errorCodeOf } from '../domain/base/error-code.ts'

const PREFIX = '.lock-'

/** What is done under the lock takes a second at most; a lock this old belongs to a process that died. */
const STALE_MILLISECONDS = 10_000

const WAIT_MILLISECONDS = 20_000

/** Throws when the lock was lost: to be called right before each change. */
type Confirm = () => Promise<void>

/**
 * Ours: one process of all that share the directory does the work at a time; null when the others did not make way.
 * Each creates a file of its own name and then looks: who sees another's steps back, so of two the later one always
 * does. Taking a dead process's lock over is deleting a name that nobody will ever hold again; with one name for all,
 * two who find it stale could delete each other's fresh one.
 */
export const withLock = async <T>(
  directory: string,
  work: (confirm: Confirm) => Promise<T>,
): Promise<T | null> => {
  const mine = join(directory, `${PREFIX}${randomUUID()}`)
  try {
    return (await acquire(directory, mine)) ? await work(() => access(mine)) : null
  } finally {
    await rm(mine, { force: true })
  }
}

const acquire = async (directory: string, mine: string): Promise<boolean> => {
  const deadline = performance.now() + WAIT_MILLISECONDS
  for (let pause_milliseconds = 20; performance.now() < deadline; ) {
    await writeFile(mine, '', { flag: 'wx', mode: 0o600 })
    if (await isAlone(directory, mine)) return true
    await rm(mine, { force: true })
    await setTimeout(Math.random() * pause_milliseconds)
    pause_milliseconds = Math.min(500, 1.5 * pause_milliseconds)
  }
  return false
}

/** Ages are told against our own fresh file: one clock, that of the file system, whatever the replicas' clocks say. */
const isAlone = async (directory: string, mine: string): Promise<boolean> => {
  const now = await modifiedAt(mine)
  const locks = (await readdir(directory)).filter(name => name.startsWith(PREFIX))
  for (const other of locks.map(name => join(directory, name)).filter(path => path !== mine)) {
    const then = await modifiedAt(other)
    if (now === null || (then !== null && Math.abs(now - then) < STALE_MILLISECONDS)) return false
    await rm(other, { force: true })
  }
  return now !== null
}

/** Null when it is gone: released, or taken over. */
const modifiedAt = async (path: string): Promise<number | null> => {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return null
    throw error
  }
}
