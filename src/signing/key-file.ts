import { randomUUID } from 'node:crypto'
import { fsync } from 'node:fs'
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorCodeOf } from '../domain/base/error-code.ts'
import { formatKeyDates } from '../domain/keys/key-dates.ts'
import { formatKeyName } from '../domain/keys/key-ring.ts'
import { thisUser } from '../files/this-user.ts'
import { generatePem } from './signing-key.ts'

/** Not `*.pem`, so that a half-written file is never read as a key. */
const TEMPORARY = '.new-'

const GROUP_ENTERS = 0o010

/** Flushes by the descriptor: the file system of Yarn Plug'n'Play has no FileHandle.sync(). */
const flush = promisify(fsync)

/**
 * Creates a key and puts it into the schedule. Atomic, even when the power fails: the data is on the disk before the name is.
 * Returns the kid.
 */
export const createKeyFile = async (
  directory: string,
  { now, signs_from, confirm }: { now: Date; signs_from: Date; confirm: () => Promise<void> },
): Promise<string> => {
  const { pem, kid } = await generatePem()
  const temporary = join(directory, `${TEMPORARY}${randomUUID()}`)
  try {
    const text = formatKeyDates({ signs_from, announced_at: now }) + pem
    await write(directory, { path: temporary, text })
    await confirm()
    await rename(temporary, join(directory, formatKeyName({ kid, signs_from })))
  } finally {
    await rm(temporary, { force: true })
  }
  await sync(directory)
  return kid
}

/** Moves a key in the schedule. The content of the file still says since when the key has been published. */
export const rescheduleKeyFile = async (
  directory: string,
  { kid, file }: { kid: string; file: string },
  signs_from: Date,
): Promise<void> => {
  await rename(join(directory, file), join(directory, formatKeyName({ kid, signs_from })))
  await sync(directory)
}

export const deleteKeyFile = async (directory: string, file: string): Promise<void> => {
  await rm(join(directory, file), { force: true })
  await sync(directory)
}

/** Deletes the temporary files of processes that died. Call under the lock only: no other process is writing then. */
export const deleteLeftovers = async (directory: string): Promise<void> => {
  const names = (await readdir(directory)).filter(name => name.startsWith(TEMPORARY))
  await Promise.all(names.map(name => rm(join(directory, name), { force: true })))
}

const write = async (directory: string, { path, text }: { path: string; text: string }): Promise<void> => {
  const { mode, gid } = await stat(directory)
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    if ((mode & GROUP_ENTERS) !== 0) await shareWithGroup(handle, gid)
    await flush(handle.fd)
  } finally {
    await handle.close()
  }
}

/**
 * Lets the directory's group read the key: root may run the command line while the server is only a member of that group. The owner
 * of the file stays this user, because a directory's owner is never given a key. Without the right to change the group, the key
 * stays readable by this user alone.
 */
const shareWithGroup = async (handle: FileHandle, gid: number): Promise<void> => {
  try {
    if ((await handle.stat()).gid !== gid) await handle.chown(thisUser(), gid)
    await handle.chmod(0o640)
  } catch (error) {
    if (errorCodeOf(error) !== 'EPERM') throw error
  }
}

/** Flushes the names of a directory to the disk: before that, a power failure can undo a rename. */
const sync = async (directory: string): Promise<void> => {
  const handle = await open(directory, 'r')
  try {
    await flush(handle.fd)
  } finally {
    await handle.close()
  }
}
