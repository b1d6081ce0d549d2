import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, existsSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createDatabaseWithSchema, hasPostgres } from '../support/backends.ts'
import { PEPPER } from '../support/clients.ts'
import { MAIN, openSandbox, type Sandbox } from '../support/process.ts'
import { freePort } from '../support/services/services.ts'

const MKFIFO = 'mkfifo'

/** Runs a command in a terminal. */
const SCRIPT = '/usr/bin/script'

/** A log line has the path of its request up to that many characters. */
const LONG_PATH = `/${'x'.repeat(200)}`

/** More lines than the server queues for a reader that has stopped. */
const TOO_MANY = 3_000

/** A pipe: a child writes to it, and this process holds the reading end. */
const openPipe = (directory: string, name: string) => {
  const path = join(directory, name)
  execFileSync(MKFIFO, [path])
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  const fill = () => {
    try {
      for (;;) writeSync(reader, 'x'.repeat(4_096))
    } catch {}
  }
  const drain = (): string => {
    let text = ''
    const bytes = Buffer.alloc(65_536)
    try {
      for (;;) text += bytes.toString('utf8', 0, readSync(reader, bytes))
    } catch {}
    return text
  }
  return { writer, fill, drain, leave: () => closeSync(reader) }
}

describe.skipIf(!hasPostgres)('a server whose output is not read', () => {
  let sandbox: Sandbox
  let database: Awaited<ReturnType<typeof createDatabaseWithSchema>>
  let internal: string
  beforeEach(async () => {
    ;[sandbox, database] = await Promise.all([openSandbox(), createDatabaseWithSchema()])
  })
  afterEach(async () => {
    await sandbox.close()
    await database.drop()
  })

  /** Starts the server with these descriptors as standard output and standard error. */
  const start = async (out: number, err: number, command = [process.execPath, MAIN]) => {
    const INTERNAL_PORT = String(await freePort())
    internal = `http://127.0.0.1:${INTERNAL_PORT}`
    const own = { DATABASE_URL: database.url, REFRESH_TOKEN_PEPPER: PEPPER, INTERNAL_PORT }
    const env = { PATH: process.env['PATH'] ?? '', ...sandbox.environment, ...own }
    const child = spawn(command[0] ?? '', command.slice(1), { env, stdio: ['ignore', out, err] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = new Promise<number | null>(resolve => child.once('close', resolve))
    await expect
      .poll(
        () =>
          fetch(`${sandbox.origin}/readyz`).then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 30_000 },
      )
      .toBe(200)
    return { child, ended }
  }
  const dropped = async () => {
    const text = await (await fetch(`${internal}/metrics`)).text()
    return Number(/^signet_log_lines_dropped_total (\d+)$/m.exec(text)?.[1])
  }
  const serves = async (requests: number) => {
    for (let left = requests; left > 0; left -= 50)
      await Promise.all(
        Array.from({ length: Math.min(50, left) }, async () =>
          expect((await sandbox.ask(LONG_PATH)).status).toBe(404),
        ),
      )
    for (const path of ['/livez', '/.well-known/jwks.json'])
      expect((await sandbox.ask(path)).status).toBe(200)
  }
  const stops = async ({ child, ended }: Awaited<ReturnType<typeof start>>) => {
    const began = performance.now()
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(performance.now() - began).toBeLessThan(8_000)
  }

  it('continues while its reader has stopped, drops and counts lines beyond its queue, and logs the count when it is read again', async () => {
    const pipe = openPipe(sandbox.directory, 'out')
    const full = openPipe(sandbox.directory, 'err')
    pipe.fill()
    full.fill()
    const server = await start(pipe.writer, full.writer)
    await serves(TOO_MANY)
    await expect.poll(dropped).toBeGreaterThan(0)
    const count = await dropped()
    let text = ''
    await expect
      .poll(() => {
        text += pipe.drain()
        return text
      })
      .toContain('log lines were dropped')
    const lines = text.split('\n').filter(line => line.startsWith('{'))
    const told = lines.map(line => JSON.parse(line)).find(line => line.dropped !== undefined)
    expect(told.dropped).toBeGreaterThanOrEqual(count)
    await serves(20)
    await expect.poll(() => pipe.drain()).toContain('/.well-known/jwks.json')
    pipe.fill()
    await serves(20)
    await stops(server)
  }, 60_000)

  it('continues on a full disk', async () => {
    const device = openSync('/dev/full', 'w')
    const server = await start(device, device)
    await serves(40)
    await expect.poll(dropped).toBeGreaterThanOrEqual(40)
    await stops(server)
  }, 60_000)

  it('continues when its reader has gone', async () => {
    const [out, err] = [openPipe(sandbox.directory, 'out'), openPipe(sandbox.directory, 'err')]
    const server = await start(out.writer, err.writer)
    for (const pipe of [out, err]) {
      closeSync(pipe.writer)
      pipe.leave()
    }
    await serves(40)
    await expect.poll(dropped).toBeGreaterThanOrEqual(30)
    await stops(server)
  }, 60_000)

  it.runIf(existsSync(SCRIPT))(
    'continues when its terminal has gone, and ends with 0',
    async () => {
      const code = join(sandbox.directory, 'code')
      const [out, err] = [openSync('/dev/null', 'w'), openSync('/dev/null', 'w')]
      const inTerminal = `trap '' HUP; ${process.execPath} ${MAIN} & echo $! > ${code}.pid; wait $!; echo $? > ${code}`
      const { child } = await start(out, err, [SCRIPT, '-qfc', inTerminal, '/dev/null'])
      const pid = Number(readFileSync(`${code}.pid`, 'utf8'))
      let hasEnded = false
      onTestFinished(() => void (hasEnded || process.kill(pid, 'SIGKILL')))
      child.kill('SIGKILL')
      await serves(50)
      await expect.poll(dropped).toBeGreaterThan(0)
      process.kill(pid, 'SIGTERM')
      await expect.poll(() => existsSync(code) && readFileSync(code, 'utf8'), { timeout: 8_000 }).toBe('0\n')
      hasEnded = true
    },
    60_000,
  )
})
