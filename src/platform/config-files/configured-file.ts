import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { type JsonLines, readJsonLines } from './json-lines.ts'

/** A file that a setting names. */
export type ConfiguredFile = Readonly<{
  setting: 'CLIENTS_FILE' | 'SCOPES_FILE' | 'ASSERTION_ISSUERS_FILE' | 'UPSTREAMS_FILE'
  file: string
}>

type Source<T> = Readonly<{
  setting: ConfiguredFile['setting']
  /** Null where the setting is unset. */
  file: string | null
  read: () => Promise<T>
  /** Gets what the file says at each reading. */
  onRead?: (content: T) => void
  /** The time limit of reading the file in a reload; by default ten seconds. */
  read_milliseconds?: number | undefined
}>

/** The limit lets a later reload run after one whose file system hangs. */
const READ_MILLISECONDS = 10_000

/** What a file says, read at the start and again on SIGHUP. Rejects with a StartFault when the file has faults. */
export const openConfiguredFile = async <T>(source: Source<T>) => {
  const { setting, file, read, onRead = () => {}, read_milliseconds = READ_MILLISECONDS } = source
  let content = await read()
  onRead(content)
  return {
    current: (): T => content,
    /**
     * Reads the file again, after any reading under way. Rejects with a StartFault when the file has faults, and keeps what it said
     * before. Calls that arrive while a reload waits for its turn share that reload, because its reading has not begun.
     */
    reload: inTurn(async () => {
      content = await within(read_milliseconds, read()).catch((error: unknown) => {
        throw error instanceof StartFault
          ? error
          : new StartFault([`${setting} ${file} cannot be read: ${READING_HANGS}`], error)
      })
      onRead(content)
    }),
  }
}

const READING_HANGS = 'its file system does not answer; look at its mount, and send SIGHUP again'

/** Rejects after the time limit; a later result is ignored. */
const within = async <T>(milliseconds: number, reading: Promise<T>): Promise<T> => {
  const deadline = new AbortController()
  const late = setTimeout(milliseconds, null, { signal: deadline.signal }).then(() => {
    throw new Error(`not read within ${milliseconds} ms`)
  })
  try {
    return await Promise.race([reading, late])
  } finally {
    late.catch(() => {})
    deadline.abort()
  }
}

/**
 * Runs a task one at a time: of two readings at once, the older could end last and overwrite the result of the newer one.
 */
const inTurn = (task: () => Promise<void>): (() => Promise<void>) => {
  let running: Promise<unknown> = Promise.resolve()
  let waiting: Promise<void> | null = null
  return () => {
    if (waiting !== null) return waiting
    const turn = running.then(() => {
      waiting = null
      return task()
    })
    waiting = turn
    running = turn.catch(() => {})
    return turn
  }
}

/** The JSON of a file, and where its values are. Rejects with a StartFault. */
export const readJsonFile = async (
  configured: ConfiguredFile,
): Promise<Readonly<{ json: unknown; lineOf: JsonLines['lineOf'] }>> => {
  const text = await readText(configured)
  const lines = readJsonLines(text)
  return { json: parseJson(text, lines, configured), lineOf: lines.lineOf }
}

const readText = async ({ setting, file }: ConfiguredFile): Promise<string> => {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const code = errorCodeOf(error) ?? String(error)
    const cause = causesOf(setting)[code] ?? code
    throw new StartFault([`${setting} ${file} cannot be read: ${cause}`], error)
  }
}

/** By the code of the system's error. */
const causesOf = (setting: string): Readonly<Record<string, string>> => ({
  ENOENT: `there is no such file; name one that is there, or unset ${setting}`,
  EACCES: 'this process may not read it; change its owner or mode',
  EISDIR: 'it is a directory; name the file in it',
})

const parseJson = (text: string, { faultLine }: JsonLines, { setting, file }: ConfiguredFile): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text, which may hold secrets.
    throw new StartFault([
      `${setting} ${file}, line ${faultLine ?? 1}: is not JSON from here on; look for a comma, a bracket or a quotation mark that is missing or too many`,
    ])
  }
}
