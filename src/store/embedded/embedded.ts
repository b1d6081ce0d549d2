import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import type { StartPhase } from '../../ports/effects.ts'
import { migrate } from '../migrations/migrate.ts'
import { judgeDataDir, openDataDir } from './data-dir.ts'
import { type DirectoryLock, holdDirectory, isHeld, socketPath } from './directory-lock.ts'

/** The embedded Postgres: the options of openDatabase, and `close`. */
export type Embedded = Readonly<{ url: string; path: string; pool_size: 1; close: () => Promise<void> }>

/** Needs no password: only this user can enter the directory of the socket. */
const URL_OF_EMBEDDED = 'postgres://postgres@localhost/postgres'

/** True when the directory has an embedded database. */
export const hasEmbedded = (data_dir: string): boolean => existsSync(join(data_dir, 'postgres'))

/** What keeps the embedded database from being made or opened there, a line each. Changes nothing. */
export const findDataFaults = (data_dir: string): readonly string[] => {
  const faults = judgeDataDir(data_dir)
  if (faults.length > 0) return faults
  try {
    socketPath(join(data_dir, 'postgres.sock'))
    return []
  } catch (error) {
    if (error instanceof StartFault) return error.lines
    throw error
  }
}

/** True while a process has the embedded database open. */
export const isInUse = async (data_dir: string): Promise<boolean> =>
  existsSync(data_dir) && (await isHeld(data_dir))

type Place = Readonly<{
  data_dir: string
  /** Called when a phase begins. Default: not told. */
  onPhase?: ((phase: StartPhase) => void) | undefined
}>

/**
 * Ours – Postgres in this process, with its files under `data_dir` and an up-to-date schema. For evaluation and development: survives the
 * death of the process, but not a power loss. Rejects with a StartFault while another process holds the directory.
 */
export const openEmbedded = async ({ data_dir, onPhase = () => {} }: Place): Promise<Embedded> => {
  openDataDir(data_dir)
  const path = socketPath(join(data_dir, 'postgres.sock'))
  const lock = await hold(data_dir, path)
  if (!hasEmbedded(data_dir)) {
    onPhase('making_database')
    await makeEmbedded(data_dir, lock)
  }
  onPhase('opening_database')
  const worker = startWorker({ data_dir, socket: path })
  const close = async () => {
    const exited = once(worker, 'exit')
    worker.postMessage('close', [])
    await exited
    await lock.release()
  }
  try {
    await once(worker, 'message')
    onPhase('migrating_database')
    await migrate({ url: URL_OF_EMBEDDED, path, months_ahead: 1 })
  } catch (error) {
    await worker.terminate()
    await lock.release()
    throw faultOf(error, data_dir)
  }
  // From here on the 'error' event of the worker has no listener on purpose: a worker that dies ends the process.
  return { url: URL_OF_EMBEDDED, path, pool_size: 1, close }
}

const hold = async (data_dir: string, path: string): Promise<DirectoryLock> => {
  try {
    const lock = await holdDirectory(data_dir)
    // The holder of the lock is alone, so that an existing socket belongs to a dead process.
    rmSync(path, { force: true })
    return lock
  } catch (error) {
    if (error instanceof StartFault || errorCodeOf(error) === null) throw error
    throw new StartFault([`DATA_DIR ${data_dir} cannot be used: ${errorCodeOf(error)}`], error)
  }
}

/** Creates the database in a thread that then ends, which frees the memory that the creation takes. */
const makeEmbedded = async (data_dir: string, lock: Pick<DirectoryLock, 'release'>): Promise<void> => {
  try {
    await once(startWorker({ data_dir, socket: null }), 'exit')
  } catch (error) {
    await lock.release()
    throw faultOf(error, data_dir)
  }
}

type Task = Readonly<{
  data_dir: string
  /** Null: the thread creates the database and ends. */
  socket: string | null
}>

const startWorker = ({ data_dir, socket }: Task): Worker =>
  new Worker(new URL('./embedded-worker.mjs', import.meta.url), {
    workerData: { directory: join(data_dir, 'postgres'), socket },
  })

const faultOf = (error: unknown, data_dir: string): StartFault => {
  if (error instanceof StartFault) return error
  const detail = error instanceof Error ? error.message : String(error)
  return new StartFault([`the embedded database in DATA_DIR ${data_dir} cannot be opened: ${detail}`], error)
}
