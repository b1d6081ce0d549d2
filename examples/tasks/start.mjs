// Starts everything: Signet on its embedded database (unless one runs already), the API and the page.
//   npm run example:tasks
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { clientsOf } from './clients.mjs'
import { serveTasks } from './server/serve.mjs'

const here = name => fileURLToPath(new URL(name, import.meta.url))
const { PORT = '3000', ISSUER: issuer = 'http://localhost:8080', TASKS_DIR = here('data') } = process.env
const origin = `http://localhost:${PORT}`
const START_SECONDS = 120

let signet = null
let isEnding = false
/** Until there is something to close. */
let close = () => process.exit(1)

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    isEnding = true
    signet?.kill()
    void close()
  })

const isSignetThere = () =>
  fetch(`${issuer}/.well-known/oauth-authorization-server`, { signal: AbortSignal.timeout(2000) }).then(
    ({ ok }) => ok,
    () => false,
  )

const startSignet = () => {
  const clients = join(TASKS_DIR, 'clients.json')
  mkdirSync(TASKS_DIR, { recursive: true })
  writeFileSync(clients, JSON.stringify(clientsOf(origin), null, 2))
  const env = {
    ...process.env,
    ISSUER: issuer,
    PORT: new URL(issuer).port,
    INTERNAL_PORT: 'off',
    CLIENTS_FILE: clients,
    DATA_DIR: join(TASKS_DIR, 'signet'),
    KEYS_DIR: join(TASKS_DIR, 'keys'),
  }
  signet = spawn(process.execPath, [here('../../dist/cli/signetd.js'), 'serve'], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  signet.once('exit', (code, signal) => {
    if (isEnding) return
    // A Signet that was killed starts again, as under any supervisor; one that gave up has said why.
    if (signal === null) process.exit(code)
    startSignet()
  })
}

const requireSignet = async () => {
  if (await isSignetThere())
    return console.log(`Signet runs at ${issuer}: it needs the clients of examples/tasks/clients.mjs`)
  startSignet()
  const end = Date.now() + START_SECONDS * 1000
  while (!(await isSignetThere())) {
    if (Date.now() > end) throw new Error('Signet did not start')
    await wait(100)
  }
}

const buildPage = async () => {
  process.env.VITE_ISSUER = issuer
  await build({ root: here('page'), configFile: here('vite.config.mjs'), logLevel: 'warn' })
}

await Promise.all([requireSignet(), buildPage()])
close = await serveTasks({ issuer, origin, data: join(TASKS_DIR, 'tasks'), page: here('page/dist') })
console.log(`Tasks: ${origin}`)
