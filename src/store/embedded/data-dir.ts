import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import {
  isOfStranger,
  judgeDirectory,
  octal,
  openDirectory,
  type SecretDirectory,
  writeErrorOf,
} from '../../files/judge-directory.ts'
import { thisUser } from '../../files/this-user.ts'

/** Creates DATA_DIR, for this user alone. Throws a StartFault when it cannot be created or written, or when other users may enter it. */
export const openDataDir = (data_dir: string): void => {
  const faults = judgeWith(openDirectory, data_dir)
  if (faults.length > 0) throw new StartFault(faults)
}

/** The faults that keep DATA_DIR from being used, one a line. Changes nothing. */
export const judgeDataDir = (data_dir: string): readonly string[] => judgeWith(judgeDirectory, data_dir)

const judgeWith = (
  judge: (directory: SecretDirectory) => readonly string[],
  data_dir: string,
): readonly string[] => {
  try {
    const faults = judge(directoryOf(data_dir))
    if (faults.length > 0 || !existsSync(data_dir)) return faults
    return [...judgeAccess(data_dir), ...judgeDatabase(data_dir)]
  } catch (error) {
    if (errorCodeOf(error) === null) throw error
    const verb = existsSync(data_dir) ? 'used' : 'made'
    return [
      `DATA_DIR ${data_dir} cannot be ${verb}: ${errorCodeOf(error)} (this process is uid ${thisUser()})`,
    ]
  }
}

/** Only an empty directory is closed to other users. A full one that is open to them may be a shared directory such as /tmp. */
const directoryOf = (data_dir: string): SecretDirectory => ({
  name: 'DATA_DIR',
  path: data_dir,
  isEmpty: () => readdirSync(data_dir).length === 0,
})

const judgeAccess = (data_dir: string): readonly string[] => {
  const error = writeErrorOf({ path: data_dir, stats: statSync(data_dir) })
  return error === null
    ? []
    : [
        `DATA_DIR ${data_dir} cannot be written by this process (${error}); change its owner or mode, or name another directory`,
      ]
}

/** A database that another uid created cannot be opened, because its files are for their owner alone. */
const judgeDatabase = (data_dir: string): readonly string[] => {
  const path = join(data_dir, 'postgres')
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return []
  if (stats.isSymbolicLink())
    return [`${path} is a link: name the directory that holds the database in DATA_DIR`]
  const isClosed = stats.isDirectory() && writeErrorOf({ path, stats }) !== null
  if (isOfStranger(stats) || isClosed) {
    return [
      `${path} belongs to uid ${stats.uid}, and this process is uid ${thisUser()}; run as its owner, or change the owner of all that is in it`,
    ]
  }
  return []
}

/**
 * Ours – A secret that is created once and kept in DATA_DIR with mode 0600. Of several processes that start at once, one creates the secret
 * and all of them use it. The file gets its name only once every byte is on the disk.
 */
export const localSecret = (data_dir: string, name: string, make: () => string): string => {
  openDataDir(data_dir)
  const path = join(data_dir, name)
  try {
    return readSecret(path) ?? createSecret(data_dir, path, make()) ?? getSecret(path)
  } catch (error) {
    if (errorCodeOf(error) === null) throw error
    throw new StartFault([`${path} cannot be read or made: ${errorCodeOf(error)}`], error)
  }
}

const createSecret = (data_dir: string, path: string, secret: string): string | null => {
  const draft = `${path}.${crypto.randomUUID()}`
  try {
    write(draft, secret)
    linkSync(draft, path)
    sync(data_dir)
    return secret
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST') return null
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

const readSecret = (path: string): string | null => {
  try {
    return getSecret(path)
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return null
    throw error
  }
}

const getSecret = (path: string): string => {
  const secret = readFileSync(path, 'utf8').trim()
  if (secret === '') throw new StartFault([`${path} is empty: remove it, and a new secret is made`])
  const fault = judgeFile(path)
  if (fault !== null) throw new StartFault([`${path} ${fault}`])
  return secret
}

/** The fault of a file in DATA_DIR, or null. The directory is closed, but a file may have been moved there with wider rights. */
const judgeFile = (path: string): string | null => {
  const stats = lstatSync(path)
  if (!stats.isFile()) return 'is not a regular file: remove it, and the next start makes a new secret'
  if (isOfStranger(stats))
    return `belongs to uid ${stats.uid}, neither root nor this process (uid ${thisUser()})`
  return (stats.mode & 0o007) === 0
    ? null
    : `is open to other users (mode ${octal(stats.mode)}); run: chmod 600 ${path}`
}

const write = (path: string, text: string) => {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, `${text}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

const sync = (directory: string) => {
  const file = openSync(directory, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
