import { readdirSync, type Stats } from 'node:fs'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { errorCodeOf } from '../domain/base/error-code.ts'
import { parseKeyDates } from '../domain/keys/key-dates.ts'
import { formatKeyName, parseKeyName, startAnnounced } from '../domain/keys/key-ring.ts'
import {
  isOfStranger,
  judgeDirectory,
  octal,
  openDirectory,
  type SecretDirectory,
  writeErrorOf,
} from '../files/judge-directory.ts'
import { thisUser } from '../files/this-user.ts'
import { type Faults, toFault } from './fault.ts'
import { importKey, type SigningKey } from './signing-key.ts'

/** A key and the fingerprint of its file when it was read: while the fingerprint is the same, the file is not read again. */
export type LoadedKey = Readonly<{
  key: SigningKey
  fingerprint: string
  /** When this process first saw the key; null for the keys that were present at its start. */
  seen_at: Date | null
}>

/** Keys and faults side by side: a start is refused for one fault, while a running server continues with the keys. */
type Loaded = Readonly<{ keys: readonly LoadedKey[]; faults: readonly string[]; fingerprint: string }>

const OTHERS = 0o007

/** The largest file that is read as a key: an RSA key of 16384 bits takes 13 kB. */
const KEY_BYTES = 32_768

/** Creates the directory, or restricts one without keys to this user. Null when keys can be kept there. */
export const prepareDirectory = async (directory: string): Promise<Faults | null> => {
  const faults = openDirectory(secretsOf(directory))
  return faults.length > 0 ? { faults } : null
}

/** The faults of the directory itself, not of its keys; null without faults. Changes nothing. */
export const judgeKeysDirectory = (directory: string): Faults | null => {
  try {
    const faults = judgeDirectory(secretsOf(directory))
    return faults.length > 0 ? { faults } : null
  } catch (error) {
    return { faults: [toFault(error)] }
  }
}

const secretsOf = (directory: string): SecretDirectory => ({
  name: 'KEYS_DIR',
  path: directory,
  isEmpty: () => !readdirSync(directory).some(isKeyName),
})

/** True when nothing can be written to the directory. */
export const isReadOnly = async (directory: string): Promise<boolean> =>
  writeErrorOf({ path: directory, stats: await stat(directory) }) !== null

/** The keys that a running server has loaded. A start has none, and every key then counts as published long ago. */
type Seen = Readonly<{ previous: readonly LoadedKey[]; now: Date | null }>

/**
 * Reads every key whose file changed since `previous`. A file that became invalid keeps its previous key, because an accidental
 * overwrite must not stop the server; a key whose file was removed is gone.
 */
export const loadKeys = async (
  directory: string,
  { previous, now }: Seen = { previous: [], now: null },
): Promise<Loaded | Faults> => {
  for (;;) {
    const files = await listKeyFiles(directory)
    const unfit = judgeKeysDirectory(directory)
    if (unfit !== null) return unfit
    const loaded = await Promise.all(files.map(file => loadKey(directory, file, { previous, now })))
    const fingerprint = fingerprintOf(files)
    // A listing taken while a key was renamed may hold it twice, or not at all.
    if (fingerprint === fingerprintOf(await listKeyFiles(directory)))
      return { ...settle(loaded, previous), fingerprint }
  }
}

/** A string that differs after a key file was added, changed, renamed or removed. Reads the metadata of each file only. */
export const fingerprintDirectory = async (directory: string): Promise<string> =>
  fingerprintOf(await listKeyFiles(directory))

type KeyFile = Readonly<{
  file: string
  /** Why the file is not read; null when it can be. */
  fault: string | null
  /** True in a read-only directory: the file came by a mount, so its modification time says nothing. */
  isMounted: boolean
  modified_at: Date | null
  fingerprint: string
}>

const listKeyFiles = async (directory: string): Promise<readonly KeyFile[]> => {
  const [path, stats] = [await realpath(directory), await stat(directory)]
  const home: Home = { path, stats, isReadOnly: writeErrorOf({ path, stats }) !== null }
  return Promise.all((await keyNames(directory)).map(file => inspect(home, file)))
}

/** The directory itself, whatever links lead to it. */
type Home = Readonly<{ path: string; stats: Stats; isReadOnly: boolean }>

const keyNames = async (directory: string): Promise<readonly string[]> =>
  (await readdir(directory)).filter(isKeyName).toSorted()

const isKeyName = (name: string): boolean => name.endsWith('.pem') && !name.startsWith('.')

/** Follows links, because a mounted secret consists of links. A name that leads to no file is kept as a fault. */
const inspect = async (home: Home, file: string): Promise<KeyFile> => {
  const path = join(home.path, file)
  try {
    const [stats, target] = await Promise.all([stat(path), realpath(path)])
    const { ino, size, mtime, mtimeMs, ctimeMs } = stats
    const fingerprint = [file, ino, size, mtimeMs, ctimeMs].join(':')
    const modified_at = home.isReadOnly ? null : mtime
    const fault = judgeFile(home, { path, stats, target })
    return { file, fault, isMounted: home.isReadOnly, modified_at, fingerprint }
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT') throw error
    return {
      file,
      fault: NO_FILE,
      isMounted: home.isReadOnly,
      modified_at: null,
      fingerprint: `${file}:none`,
    }
  }
}

const NO_FILE = `is not a file of at most ${KEY_BYTES} bytes`

type Found = Readonly<{ path: string; stats: Stats; target: string }>

/** The owner of a file can change the key at any time, and the directories of a file outside KEYS_DIR are not checked here. */
const judgeFile = (home: Home, { path, stats, target }: Found): string | null => {
  if (!target.startsWith(home.path + sep)) return `is a link that leads out of KEYS_DIR, to ${target}`
  if (!stats.isFile() || stats.size > KEY_BYTES) return NO_FILE
  if (isOfStranger(stats) && !isOfGroup(stats, home.stats))
    return `belongs to uid ${stats.uid}, neither root nor this process (uid ${thisUser()})`
  return (stats.mode & OTHERS) === 0
    ? null
    : `is open to other users (mode ${octal(stats.mode)}); run: chmod o-rwx ${path} (a mounted secret: defaultMode 0440)`
}

/** The members of a group that can write to the directory may add keys: a key file of that group is from one of them. */
const isOfGroup = (file: Stats, directory: Stats): boolean =>
  (directory.mode & 0o020) !== 0 && file.gid === directory.gid

const fingerprintOf = (files: readonly KeyFile[]): string => files.map(file => file.fingerprint).join('\n')

type Attempt = Readonly<{ loaded: LoadedKey | undefined; fault?: string }>

const loadKey = async (directory: string, file: KeyFile, { previous, now }: Seen): Promise<Attempt> => {
  const known = previous.find(({ key }) => key.file === file.file)
  if (known?.fingerprint === file.fingerprint) return { loaded: known }
  const read = await readKey(directory, file)
  if ('fault' in read)
    return { loaded: known, fault: `KEYS_DIR: ${join(directory, file.file)} ${read.fault}` }
  const same = previous.find(({ key }) => key.kid === read.kid)
  const seen_at = same === undefined ? now : same.seen_at
  return { loaded: { key: hold(read, file, seen_at), fingerprint: file.fingerprint, seen_at } }
}

/**
 * A key that appeared too late for its own start date signs later, after the announcement period that every new key has. A key that
 * the command line named, in a writable directory, is exempt: the operator may have ordered a start at once.
 */
const hold = (key: SigningKey, { isMounted }: KeyFile, seen_at: Date | null): SigningKey => {
  if (seen_at === null || key.signs_from === null) return key
  if (!isMounted && parseKeyName(key.file) !== null) return key
  const earliest = startAnnounced(seen_at)
  return key.signs_from < earliest ? { ...key, signs_from: earliest } : key
}

const readKey = async (
  directory: string,
  { file, fault, modified_at }: KeyFile,
): Promise<SigningKey | { readonly fault: string }> => {
  if (fault !== null) return { fault }
  const pem = await readFile(join(directory, file), 'utf8').catch((error: unknown) => ({
    code: errorCodeOf(error),
  }))
  if (typeof pem !== 'string') return { fault: `cannot be read (${pem.code})` }
  const dates = parseKeyDates(pem)
  if ('fault' in dates) return dates
  const work = importKey(pem)
  if ('fault' in work) return work
  const { kid } = work.jwk
  const named = parseKeyName(file)
  if (named !== null && formatKeyName({ kid, signs_from: named }) !== file) {
    return { fault: `has a name that disagrees with its key: the thumbprint is ${kid}` }
  }
  const announced_at = dates.announced_at ?? modified_at
  return { ...work, kid, file, signs_from: named ?? dates.signs_from, announced_at }
}

/** A key under two names would have two places in the schedule: the first name counts, and the second is a fault. */
const settle = (
  attempts: readonly Attempt[],
  previous: readonly LoadedKey[],
): Omit<Loaded, 'fingerprint'> => {
  const faults = attempts.flatMap(({ fault }) => fault ?? [])
  const found = attempts.flatMap(attempt => attempt.loaded ?? [])
  const isKnown = ({ key }: LoadedKey) => previous.some(known => known.key.kid === key.kid)
  const keys: LoadedKey[] = []
  for (const loaded of [...found.filter(isKnown), ...found.filter(one => !isKnown(one))]) {
    const twin = keys.find(({ key }) => key.kid === loaded.key.kid)
    const rival = isKnown(loaded) ? undefined : rivalOf(loaded, keys, { isStart: previous.length === 0 })
    if (twin !== undefined)
      faults.push(`KEYS_DIR: ${twin.key.file} and ${loaded.key.file} hold one key: remove one of them`)
    else if (rival !== undefined) faults.push(undatedFault(loaded.key.file, rival.key.file))
    else keys.push(loaded)
  }
  return { keys, faults }
}

/**
 * The other key that leaves the order of a key without a start date undefined. At a start, one undated key counts as older than all
 * dated keys; an undated key that appears later was meant to take over, but does not say when.
 */
const rivalOf = (
  { key }: LoadedKey,
  others: readonly LoadedKey[],
  { isStart }: { isStart: boolean },
): LoadedKey | undefined =>
  key.signs_from === null ? others.find(other => !isStart || other.key.signs_from === null) : undefined

const undatedFault = (file: string, other: string): string =>
  `KEYS_DIR: ${file} does not say from when it signs, beside ${other}; begin the newer file with a line such as Signs-From: 2026-11-21T07:00:00Z, or make one with: signetd keys new`
