// @ts-check
import { renameSync, rmSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

/**
 * Postgres compiled to WebAssembly, in a thread of its own, behind a Unix socket that takes exactly one connection: with more, answers went
 * to the wrong query while a transaction was open. Plain JavaScript, because Node 20 loads no TypeScript in a worker. The thread posts
 * 'ready' when it listens; any message stops it once everything is written. Without a socket the thread creates the database and ends:
 * creating it takes hundreds of megabytes, which are freed only by the end of the thread.
 */
/** @type {{ directory: string, socket: string | null }} */
const { directory, socket } = workerData

/** Postgres allocates its buffers, 128 MB by default, when it starts; here in the memory of this process. */
const startParams = [...PGlite.defaultStartParams, '-c', 'shared_buffers=16MB']

/** Creates the database as a draft, so that a first start that is killed leaves no half database under the final name. */
const create = async () => {
  const draft = `${directory}.draft`
  rmSync(draft, { recursive: true, force: true })
  const first = await PGlite.create({ dataDir: draft, startParams })
  await first.close()
  renameSync(draft, directory)
}

/** @param {string} path */
const serve = async path => {
  const db = await PGlite.create({
    dataDir: directory,
    startParams,
  })
  const server = new PGLiteSocketServer({ db, path, maxConnections: 1 })
  await server.start()
  const end = async () => {
    await server.stop()
    await db.close()
    parentPort?.close()
  }
  parentPort?.once('message', () => void end())
  parentPort?.postMessage('ready', [])
}

await (socket === null ? create() : serve(socket))
