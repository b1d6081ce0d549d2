import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { errorCodeOf } from '../domain/base/error-code.ts'
import { StartFault } from '../domain/base/start-fault.ts'
import { type Client, FIRST_PARTY } from '../domain/oauth/client.ts'
import { type ClientPolicy, parseClients } from '../domain/oauth/parse-clients.ts'
import type { Clients } from '../ports/clients.ts'
import { readJsonLines } from './json-lines.ts'

type Source = Readonly<{
  file: string | null
  more: readonly Client[]
  policy: ClientPolicy
  /** The time limit of reading the file in a reload; by default ten seconds. */
  read_milliseconds?: number
}>

/** The limit lets a later reload run after one whose file system hangs. */
const READ_MILLISECONDS = 10_000

/** The registered clients of CLIENTS_FILE, in memory: no request reads anything for a client. */
export const openClients = async (source: Source) => {
  const { file, read_milliseconds = READ_MILLISECONDS } = source
  let registry = await read(source)
  const clients: Clients = {
    find: async client_id => registry.byId.get(client_id) ?? null,
    all: async () => [...registry.byId.values()],
    hasOrigin: origin => registry.origins.has(origin),
    hasFirstPartyOrigin: origin => registry.firstPartyOrigins.has(origin),
  }
  return {
    clients,
    /**
     * Reads the file again, after any reading under way. Rejects with a StartFault when the file has faults, and keeps the clients as they
     * were. Calls that arrive while a reload waits for its turn share that reload, because its reading has not begun.
     */
    reload: inTurn(async () => {
      registry = await within(read_milliseconds, read(source)).catch((error: unknown) => {
        throw error instanceof StartFault
          ? error
          : new StartFault([`CLIENTS_FILE ${file} cannot be read: ${READING_HANGS}`], error)
      })
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

const read = async ({ file, more, policy }: Source) => {
  const clients = [FIRST_PARTY, ...more, ...(file === null ? [] : await readClientsFile(file, policy))]
  return {
    byId: new Map(clients.map(client => [client.client_id, client])),
    origins: originsOf(clients),
    firstPartyOrigins: originsOf(clients.filter(client => client.first_party)),
  }
}

const originsOf = (clients: readonly Client[]): ReadonlySet<string> => {
  const origins = clients.flatMap(client => client.redirect_uris).map(uri => new URL(uri).origin)
  return new Set(origins.filter(origin => origin !== 'null'))
}

/** The clients of the file. Rejects with a StartFault that has a line for each fault: the client, the line of the file and what to do. */
export const readClientsFile = async (file: string, policy: ClientPolicy): Promise<readonly Client[]> => {
  const text = await readText(file)
  const result = parseClients(parseJson(file, text), policy)
  if ('clients' in result) return result.clients
  const { lineOf } = readJsonLines(text)
  throw new StartFault(
    result.faults.map(({ path, message }) => `CLIENTS_FILE ${file}, line ${lineOf(path)}: ${message}`),
  )
}

const readText = async (file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const code = errorCodeOf(error) ?? String(error)
    throw new StartFault([`CLIENTS_FILE ${file} cannot be read: ${CAUSES[code] ?? code}`], error)
  }
}

/** By the code of the system's error. */
const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; name one that is there, or unset CLIENTS_FILE',
  EACCES: 'this process may not read it; change its owner or mode',
  EISDIR: 'it is a directory; name the file in it',
}

const parseJson = (file: string, text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    const line = readJsonLines(text).faultLine ?? 1
    // The parser's own message quotes the text, which holds secrets.
    throw new StartFault([
      `CLIENTS_FILE ${file}, line ${line}: is not JSON from here on; look for a comma, a bracket or a quotation mark that is missing or too many`,
    ])
  }
}
