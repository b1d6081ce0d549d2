/**
 * Ours – A smoke test of what `npm run build` made, on the Node.js that runs this file: the first start, a token, an account, a refresh,
 * the verifier's package and the command line. The test suite runs on one version of Node.js; `.ci/run` runs this file on the others
 * that are supported. Nothing but Node.js and the built program is needed.
 */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const SIGNETD = fileURLToPath(new URL('../dist/cli/signetd.js', import.meta.url))
const READY_SECONDS = 60
const EMAIL = 'ada@example.com'
const PASSWORD = 'correct horse battery'

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const openServer = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-smoke-'))
  const { PATH = '', HOME = '' } = process.env
  const environment = {
    PATH,
    HOME,
    PORT: String(await freePort()),
    INTERNAL_PORT: 'off',
    DATA_DIR: join(directory, 'data'),
    KEYS_DIR: join(directory, 'keys'),
  }
  const child = spawn(process.execPath, [SIGNETD, 'serve'], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let screen = ''
  child.stderr.on('data', data => {
    screen += String(data)
  })
  const ended = new Promise(resolve => child.once('close', resolve))
  const becomeReady = async () => {
    for (let tenths = 0; !screen.includes('/token\n'); tenths++) {
      assert(child.exitCode === null && tenths < READY_SECONDS * 10, `the server is not ready: ${screen}`)
      await setTimeout(100)
    }
    return screen
  }
  const stop = async () => {
    child.kill('SIGTERM')
    return ended
  }
  const remove = () => {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  return { environment, issuer: `http://localhost:${environment.PORT}`, becomeReady, stop, remove }
}

const post = async (url, { json, form, authorization }) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      ...(json ? { 'content-type': 'application/json' } : {}),
      ...(authorization ? { authorization } : {}),
    },
    body: json ? JSON.stringify(json) : new URLSearchParams(form),
  })
  assert(response.ok, `${url} answers ${response.status}: ${await response.clone().text()}`)
  return response.json()
}

const getClientToken = async (issuer, screen) => {
  const [, client_id, client_secret] = /Demo client: (\S+), secret (\S+)/.exec(screen) ?? []
  const authorization = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`
  const form = { grant_type: 'client_credentials', resource: 'http://localhost:3000' }
  const { access_token } = await post(`${issuer}/token`, { form, authorization })
  return access_token
}

const signUpAndRefresh = async issuer => {
  const json = { email: EMAIL, password: PASSWORD, client_id: 'demo-app' }
  const { refresh_token } = await post(`${issuer}/auth/register`, { json })
  const refreshed = await post(`${issuer}/auth/refresh`, { json: { refresh_token } })
  await post(`${issuer}/auth/login`, { json })
  return refreshed.access_token
}

/** Both forms of the package: the ES module and require(). */
const verify = async (issuer, tokens) => {
  const require = createRequire(import.meta.url)
  for (const { createVerifier } of [await import('signetd/verify'), require('signetd/verify')]) {
    const verifier = createVerifier({ issuer, audience: 'http://localhost:3000' })
    for (const token of tokens) assert((await verifier.verify(token)).claims.sub)
    await assert.rejects(verifier.verify(`${tokens[0].slice(0, -8)}AAAAAAAA`))
  }
}

const run = promisify(execFile)

const useCommandLine = async environment => {
  const signetd = async (...words) => {
    const { stdout } = await run(process.execPath, [SIGNETD, ...words], { env: environment })
    return stdout
  }
  assert.match(await signetd('doctor'), /^ok {5}configuration$/m)
  const { keys } = JSON.parse(await signetd('keys', 'list', '--json'))
  assert.equal(keys[0].state, 'signing')
  assert.match(await signetd('accounts', 'list'), new RegExp(EMAIL))
}

const smoke = async () => {
  assert(existsSync(SIGNETD), 'dist is missing: run npm run build first')
  const server = await openServer()
  const say = what => process.stdout.write(`smoke on Node.js ${process.versions.node}: ${what}\n`)
  try {
    const screen = await server.becomeReady()
    say('started')
    const clientToken = await getClientToken(server.issuer, screen)
    const personToken = await signUpAndRefresh(server.issuer)
    say('issued and refreshed tokens')
    await verify(server.issuer, [clientToken, personToken])
    say('verified them with the package')
    assert.equal(await server.stop(), 0)
    await useCommandLine(server.environment)
    say('used the command line')
  } finally {
    server.remove()
  }
}

await smoke()
