import { accessSync, chmodSync, constants, mkdirSync } from 'node:fs'
import { thisUser } from './this-user.ts'
import { type TrailStep, trailTo } from './trail.ts'

/** A directory that Signet keeps secrets in, the setting that names it, and whether there is a secret in it yet. */
export type SecretDirectory = Readonly<{
  name: 'KEYS_DIR' | 'DATA_DIR'
  path: string
  isEmpty: () => boolean
}>

const ROOT = 0
const STICKY = 0o1000
const GROUP = 0o070
const OTHERS = 0o007
const OTHERS_WRITE = 0o002
const EVERYONE_WRITES = 0o222

/**
 * Ours – Creates a directory of secrets for this user alone, or restricts one that this user owns and that holds no secret. Returns
 * the faults of the directory, one line each for the operator. Throws the error of the system call that failed.
 */
export const openDirectory = (directory: SecretDirectory): readonly string[] => {
  const faults = judgeDirectory(directory)
  if (faults.length > 0) return faults
  mkdirSync(directory.path, { recursive: true, mode: 0o700 })
  if (canBeClosed(directory)) chmodSync(directory.path, 0o700)
  return judgeDirectory(directory)
}

/**
 * Ours – The faults of a directory of secrets. The directory and every directory above it must belong to this user or to root,
 * because the owner of a directory can read and replace its content. Other users must not be able to write to the directory, nor to
 * one above it, where they could put another directory in its place (the sticky bit prevents that, as in /tmp). A directory that
 * does not exist yet is judged by the place where it would be created. Changes nothing.
 */
export const judgeDirectory = (directory: SecretDirectory): readonly string[] => {
  const { passed, target } = trailTo(directory.path)
  const faults = new Set(passed.flatMap(step => judgePassed(directory, step)))
  if (faults.size > 0) return [...faults]
  if (target === null) return judgeMaking(directory, passed.at(-1))
  const mode = isClosable(directory, target) ? [] : judgeMode(directory, target)
  return [...judgeOwner(directory, target), ...mode]
}

const judgeMaking = ({ name, path }: SecretDirectory, parent: TrailStep | undefined): readonly string[] => {
  if (parent === undefined || parent.stats.isSymbolicLink()) return []
  const error = parent.stats.isDirectory() ? writeErrorOf(parent) : 'ENOTDIR'
  return error === null
    ? []
    : [`${name} ${path} cannot be made: ${error} (this process is uid ${thisUser()})`]
}

const canBeClosed = (directory: SecretDirectory): boolean => {
  const { target } = trailTo(directory.path)
  return target !== null && judgeMode(directory, target).length > 0 && isClosable(directory, target)
}

/** A directory without secrets may be open to other users, as in a fresh clone: openDirectory restricts it. */
const isClosable = (directory: SecretDirectory, { stats }: TrailStep): boolean =>
  stats.uid === thisUser() && stats.isDirectory() && directory.isEmpty()

/** Whether a user who is neither this one nor root owns the file, and so can change it at any time. */
export const isOfStranger = ({ uid }: Readonly<{ uid: number }>): boolean =>
  uid !== ROOT && uid !== thisUser()

/** The error code of a write to a directory: EROFS, EACCES, …; null when it can be written. Missing write bits count for root, too. */
export const writeErrorOf = ({ path, stats }: TrailStep): string | null => {
  if ((stats.mode & EVERYONE_WRITES) === 0) return 'EROFS'
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'EACCES'
  }
}

export const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0')

const judgePassed = ({ name, path }: SecretDirectory, step: TrailStep): readonly string[] => {
  const { uid, mode } = step.stats
  const kind = step.stats.isSymbolicLink() ? 'link' : 'directory'
  if (isOfStranger(step.stats)) {
    return [
      `${name} ${path} is reached by the ${kind} ${step.path}, which belongs to uid ${uid}, neither root nor this process (uid ${thisUser()}); choose another place, or change its owner`,
    ]
  }
  return kind === 'directory' && (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0
    ? [
        `${name} ${path} is below ${step.path}, which other users can write (mode ${octal(mode)}); run: chmod o-w ${step.path}`,
      ]
    : []
}

const judgeOwner = ({ name, path }: SecretDirectory, { stats }: TrailStep): readonly string[] =>
  isOfStranger(stats)
    ? [
        `${name} ${path} belongs to uid ${stats.uid}, neither root nor this process (uid ${thisUser()}); run as its owner, or change its owner`,
      ]
    : []

const judgeMode = ({ name, path }: SecretDirectory, target: TrailStep): readonly string[] => {
  const { mode, gid } = target.stats
  const isOpen = name === 'KEYS_DIR' ? areKeysOpen(target) : isDataOpen(target)
  if (!isOpen) return []
  const bits = name === 'DATA_DIR' && gid !== 0 ? 'go-rwx' : 'o-rwx'
  return [`${name} ${path} is open to other users (mode ${octal(mode)}); run: chmod ${bits} ${path}`]
}

/** A read-only mount of Kubernetes has mode 1777: in a read-only directory the modes of the files protect the keys. */
const areKeysOpen = (target: TrailStep): boolean => {
  if ((target.stats.mode & OTHERS) === 0) return false
  const error = writeErrorOf(target)
  if (error === 'EROFS') return false
  return error === null || (target.stats.mode & OTHERS_WRITE) !== 0
}

/** The embedded database asks for no password. Group 0 may have access: OpenShift puts every uid that it chooses into group 0. */
const isDataOpen = ({ stats: { mode, gid } }: TrailStep): boolean =>
  (mode & OTHERS) !== 0 || ((mode & GROUP) !== 0 && !(gid === 0 && (mode & GROUP) === GROUP))
