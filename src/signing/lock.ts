import { randomUUID } from 'node:crypto'
import { access, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { errorCodeOf } from '../domain/base/error-code.ts'

const PREFIX = '.lock-'

/** Work under the lock takes a second at most; a lock this old belongs to a process that died. */
const STALE_MILLISECONDS = 10_000

const WAIT_MILLISECONDS = 20_000

/** Throws when the lock was lost. Call it right before each change. */
type Confirm = () => Promise<void>

/**
 * Ours: a mutual exclusion lock among the processes that share the directory; null when the lock was not acquired in time. Each
 * process creates a lock file with a unique name and then lists the directory: a process that finds another lock file withdraws, so
 * of two processes the later one always withdraws. A unique name is never used again, so deleting a stale lock file is safe; with
 * one shared name, two processes that found it stale could delete each other's fresh lock.
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

/** The age of a lock is measured against this process's fresh lock file: both times are from the file system's clock. */
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

/** Null when the file is gone: released by its process, or removed as stale. */
const modifiedAt = async (path: string): Promise<number | null> => {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return null
    throw error
  }
}
