import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { StartFault } from '../domain/start-fault.ts'
import { codeOf } from './away.ts'

/** Makes DATA_DIR, for this user alone. Throws a StartFault when it cannot be made, or when others may enter it already. */
export const openDataDir = (data_dir: string): void => {
  try {
    mkdirSync(data_dir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new StartFault([`DATA_DIR ${data_dir} cannot be made: ${codeOf(error)}`], error)
  }
  // The embedded database asks nobody for a password. An empty directory is ours to tighten; a full one may be someone's /tmp.
  if ((statSync(data_dir).mode & 0o077) === 0) return
  if (readdirSync(data_dir).length === 0) chmodSync(data_dir, 0o700)
  else {
    throw new StartFault([
      `DATA_DIR ${data_dir} is open to other users: chmod 700 it, or name a directory that is not there yet`,
    ])
  }
}

/**
 * Ours – A secret that is made once and kept in DATA_DIR, mode 0600. Of several processes that start at once one makes it, and
 * all of them get that one. It appears under its name only when every byte is on the disk.
 */
export const localSecret = (data_dir: string, name: string, make: () => string): string => {
  openDataDir(data_dir)
  const path = join(data_dir, name)
  return readSecret(path) ?? createSecret(data_dir, path, make()) ?? getSecret(path)
}

const createSecret = (data_dir: string, path: string, secret: string): string | null => {
  const draft = `${path}.${crypto.randomUUID()}`
  try {
    write(draft, secret)
    linkSync(draft, path)
    sync(data_dir)
    return secret
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return null
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

const readSecret = (path: string): string | null => {
  try {
    return getSecret(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

const getSecret = (path: string): string => {
  const secret = readFileSync(path, 'utf8').trim()
  if (secret === '') throw new StartFault([`${path} is empty: remove it, and a new secret is made`])
  return secret
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
