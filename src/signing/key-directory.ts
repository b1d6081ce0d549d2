import { access, chmod, constants, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { formatKeyName, parseKeyName } from '../domain/key-ring.ts'
import { codeOf, type Faults } from './fault.ts'
import { importKey, type SigningKey } from './signing-key.ts'

/** A key with the state of its file when it was read: as long as that stays, it need not be read again. */
export type LoadedKey = Readonly<{ key: SigningKey; fingerprint: string }>

/** Keys and faults side by side: a start refuses with any fault, a running server goes on with the keys. */
type Loaded = Readonly<{ keys: readonly LoadedKey[]; faults: readonly string[]; fingerprint: string }>

const OTHERS = 0o007

/** The largest file that is read as a key: an RSA key of 16384 bits takes 13 kB. */
const KEY_BYTES = 32_768

/** Makes the directory, or tightens one that holds no key yet (a fresh clone's is open to all). One with keys is left as it is. */
export const prepareDirectory = async (directory: string): Promise<void> => {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { mode } = await stat(directory)
  if ((mode & OTHERS) === 0 || (await isReadOnly(directory))) return
  if ((await keyNames(directory)).length === 0) await chmod(directory, 0o700)
}

/** True when nothing can be written: a read-only mount, no right to, or write bits taken from everyone (root heeds them too). */
export const isReadOnly = async (directory: string): Promise<boolean> => {
  const [{ mode }, isWritable] = await Promise.all([
    stat(directory),
    access(directory, constants.W_OK).then(
      () => true,
      () => false,
    ),
  ])
  return !isWritable || (mode & 0o222) === 0
}

/**
 * Reads every key whose file changed since `previous`. A file that went bad keeps its previous key: overwriting one by
 * accident must not stop the server, taking it away must.
 */
export const loadKeys = async (
  directory: string,
  previous: readonly LoadedKey[] = [],
): Promise<Loaded | Faults> => {
  for (;;) {
    const files = await listKeyFiles(directory)
    // Without keys there is nothing to keep from others: a fresh clone's directory is open to all.
    const faults = files.length > 0 ? await judgeDirectory(directory) : []
    if (faults.length > 0) return { faults }
    const loaded = await Promise.all(files.map(file => loadKey(directory, file, previous)))
    const fingerprint = fingerprintOf(files)
    // A listing taken while a key was renamed may hold it twice, or not at all.
    if (fingerprint === fingerprintOf(await listKeyFiles(directory)))
      return { ...settle(loaded), fingerprint }
  }
}

/** What tells whether any key file was added, changed, renamed or removed. Costs a stat a file. */
export const fingerprintDirectory = async (directory: string): Promise<string> =>
  fingerprintOf(await listKeyFiles(directory))

/** Others who can write may plant a key, and who can read may open a file that is lax for a moment. On a read-only mount only the files count: those of Kubernetes are 1777. */
const judgeDirectory = async (directory: string): Promise<readonly string[]> => {
  const { mode } = await stat(directory)
  if ((mode & OTHERS) === 0 || (await isReadOnly(directory))) return []
  return [`KEYS_DIR is open to other users (mode ${octal(mode)}); run: chmod o-rwx ${directory}`]
}

type KeyFile = Readonly<{
  file: string
  mode: number
  isReadable: boolean
  announced_at: Date
  fingerprint: string
}>

const listKeyFiles = async (directory: string): Promise<readonly KeyFile[]> =>
  Promise.all((await keyNames(directory)).map(file => inspect(directory, file)))

const keyNames = async (directory: string): Promise<readonly string[]> =>
  (await readdir(directory)).filter(name => name.endsWith('.pem') && !name.startsWith('.')).toSorted()

/** Follows links, as a mounted secret is made of them. A name without a file behind it is kept, to be reported. */
const inspect = async (directory: string, file: string): Promise<KeyFile> => {
  try {
    const stats = await stat(join(directory, file))
    const { mode, ino, size, mtime, mtimeMs, ctimeMs } = stats
    const fingerprint = [file, ino, size, mtimeMs, ctimeMs].join(':')
    return { file, mode, isReadable: stats.isFile() && size <= KEY_BYTES, announced_at: mtime, fingerprint }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return { file, mode: 0, isReadable: false, announced_at: new Date(0), fingerprint: `${file}:none` }
  }
}

const fingerprintOf = (files: readonly KeyFile[]): string => files.map(file => file.fingerprint).join('\n')

type Attempt = Readonly<{ loaded: LoadedKey | undefined; fault?: string }>

const loadKey = async (
  directory: string,
  file: KeyFile,
  previous: readonly LoadedKey[],
): Promise<Attempt> => {
  const known = previous.find(({ key }) => key.file === file.file)
  if (known?.fingerprint === file.fingerprint) return { loaded: known }
  const read = await readKey(directory, file)
  return 'fault' in read
    ? { loaded: known, fault: `KEYS_DIR: ${join(directory, file.file)} ${read.fault}` }
    : { loaded: { key: read, fingerprint: file.fingerprint } }
}

const readKey = async (
  directory: string,
  { file, mode, isReadable, announced_at }: KeyFile,
): Promise<SigningKey | { readonly fault: string }> => {
  const path = join(directory, file)
  if (!isReadable) return { fault: `is no file of at most ${KEY_BYTES} bytes` }
  if ((mode & OTHERS) !== 0) {
    return {
      fault: `is open to other users (mode ${octal(mode)}); run: chmod o-rwx ${path} (a mounted secret: defaultMode 0440)`,
    }
  }
  const pem = await readFile(path, 'utf8').catch((error: unknown) => ({ code: codeOf(error) }))
  if (typeof pem !== 'string') return { fault: `cannot be read (${pem.code})` }
  const work = importKey(pem)
  if ('fault' in work) return work
  const { kid } = work.jwk
  const signs_from = parseKeyName(file)
  if (signs_from !== null && formatKeyName({ kid, signs_from }) !== file) {
    return { fault: `has a name that disagrees with its key: the thumbprint is ${kid}` }
  }
  return { ...work, kid, file, signs_from, announced_at }
}

/** One key under two names has two places in the schedule: the first name counts. */
const settle = (attempts: readonly Attempt[]): Omit<Loaded, 'fingerprint'> => {
  const faults = attempts.flatMap(({ fault }) => fault ?? [])
  const keys: LoadedKey[] = []
  for (const loaded of attempts.flatMap(attempt => attempt.loaded ?? [])) {
    const twin = keys.find(({ key }) => key.kid === loaded.key.kid)
    if (twin === undefined) keys.push(loaded)
    else faults.push(`KEYS_DIR: ${twin.key.file} and ${loaded.key.file} hold one key: remove one of them`)
  }
  return { keys, faults }
}

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0')
