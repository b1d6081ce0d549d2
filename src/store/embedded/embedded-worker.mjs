// @ts-check
import { renameSync, rmSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

/**
 * Postgres compiled to WebAssembly, in a thread of its own, behind a Unix socket that takes exactly one connection: with
 * more, answers went to the wrong query while a transaction was open. Plain JavaScript, because Node 20 loads no
 * TypeScript in a worker. Says 'ready' when it listens; any message ends it with everything written. Without a socket it makes the
 * database and ends: making it takes hundreds of megabytes that only the end of the thread gives back.
 */
/** @type {{ directory: string, socket: string | null }} */
const { directory, socket } = workerData

/** Postgres takes its buffers, 128 MB by default, when it starts: here they are memory of this process. */
const startParams = [...PGlite.defaultStartParams, '-c', 'shared_buffers=16MB']

/** Killed halfway, a first start must not leave half a database under its name. */
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
