// @ts-check
import { existsSync, renameSync, rmSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

/**
 * Postgres compiled to WebAssembly, in a thread of its own, behind a Unix socket that takes exactly one connection: with
 * more, answers went to the wrong query while a transaction was open. Plain JavaScript, because Node 20 loads no
 * TypeScript in a worker. Says 'ready' when it listens; any message ends it with everything written.
 */
/** @type {{ directory: string, socket: string }} */
const { directory, socket } = workerData

// Killed halfway, a first start must not leave half a database under this name.
if (!existsSync(directory)) {
  const draft = `${directory}.draft`
  rmSync(draft, { recursive: true, force: true })
  const first = await PGlite.create({ dataDir: draft })
  await first.close()
  renameSync(draft, directory)
}
const db = await PGlite.create({ dataDir: directory })
const server = new PGLiteSocketServer({ db, path: socket, maxConnections: 1 })
await server.start()

const end = async () => {
  await server.stop()
  await db.close()
  parentPort?.close()
}
parentPort?.once('message', () => void end())
parentPort?.postMessage('ready', [])
