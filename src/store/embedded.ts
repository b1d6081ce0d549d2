import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { holdDirectory, socketPath } from './directory-lock.ts'
import { migrate } from './migrate.ts'

/** The embedded Postgres: how openDatabase reaches it, and how it ends. */
export type Embedded = Readonly<{ url: string; path: string; pool_size: 1; close: () => Promise<void> }>

/** Everything is this program's own and behind a directory that nobody else may enter: there is nobody to authenticate. */
const URL_OF_EMBEDDED = 'postgres://postgres@localhost/postgres'

/**
 * Ours – Postgres in this process, its rows under `data_dir`, its schema brought up to date. For trying Signet out and for
 * development: safe against the death of the process, not against power loss.
 * Rejects with a Fault while another process holds the directory.
 */
export const openEmbedded = async ({ data_dir }: { data_dir: string }): Promise<Embedded> => {
  mkdirSync(data_dir, { recursive: true, mode: 0o700 })
  const lock = await holdDirectory(data_dir)
  const path = socketPath(join(data_dir, 'postgres.sock'))
  // Whoever holds the lock is alone here: a socket that is left was left by a dead process.
  rmSync(path, { force: true })
  const worker = new Worker(new URL('./embedded-worker.mjs', import.meta.url), {
    workerData: { directory: join(data_dir, 'postgres'), socket: path },
  })
  const close = async () => {
    const exited = once(worker, 'exit')
    worker.postMessage('close', [])
    await exited
    await lock.release()
  }
  await once(worker, 'message')
  await migrate({ url: URL_OF_EMBEDDED, path })
  return { url: URL_OF_EMBEDDED, path, pool_size: 1, close }
}
