import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../test/support/services/services.ts'

export type Server = Readonly<{
  port: number
  pid: number
  /** Milliseconds from the spawn to the first answer. */
  start_milliseconds: number
  stop: () => Promise<void>
}>

/** Runs a program that listens on PORT until it answers at `path`. Its log goes through a pipe that is drained. */
export const startProgram = async (
  words: readonly string[],
  { path, environment = {} }: { path: string; environment?: Readonly<Record<string, string>> },
): Promise<Server> => {
  const port = await freePort()
  const started = performance.now()
  const child = spawn(process.execPath, words, {
    env: { ...process.env, INTERNAL_PORT: 'off', DRAIN_SECONDS: '0', ...environment, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  let complaint = ''
  child.stdout.resume()
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  const leave = () => child.kill()
  process.once('exit', leave)
  const stop = async () => {
    process.off('exit', leave)
    child.kill()
    await exited
  }
  const url = `http://127.0.0.1:${port}${path}`
  while (!(await answers(url))) {
    if (child.exitCode !== null) throw new Error(`${words.join(' ')}: ${complaint}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  return { port, pid: child.pid ?? 0, start_milliseconds: performance.now() - started, stop }
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    async response => {
      await response.arrayBuffer()
      return response.ok
    },
    () => false,
  )

/** The built server, with keys and data in a directory of its own. */
export const startSignet = async (environment: Readonly<Record<string, string>>): Promise<Server> => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-bench-'))
  const own = { KEYS_DIR: join(directory, 'keys'), DATA_DIR: join(directory, 'data') }
  const server = await startProgram(['dist/main.js'], {
    path: '/readyz',
    environment: { ...own, ...environment },
  })
  return {
    ...server,
    stop: async () => {
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Writes a file for a server's settings and returns its path. */
export const writeSetting = (name: string, value: unknown): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'signet-bench-')), name)
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
  return path
}
