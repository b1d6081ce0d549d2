import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createAsk } from './ask.ts'
import { freePort } from './services/services.ts'

/** The built program, as its users run it. `npm test` builds it first. */
export const MAIN = resolve('dist/main.js')
export const SIGNETD = resolve('dist/cli/signetd.js')

const READY_SECONDS = 30
const STOP_SECONDS = 20

export type Ended = Readonly<{ code: number | null; signal: NodeJS.Signals | null }>

/** A process of the program, with its output and its end. */
export type Program = Readonly<{
  process: ChildProcess
  out: () => string
  err: () => string
  /** The parsed lines of the log. */
  log: () => readonly Readonly<Record<string, unknown>>[]
  ended: Promise<Ended>
}>

export const startProgram = (
  environment: Readonly<Record<string, string>>,
  command: readonly string[] = [process.execPath, MAIN],
  options: { detached?: boolean; cwd?: string } = {},
): Program => {
  if (!existsSync(MAIN)) throw new Error('dist is missing: npm test builds it, and npm run build')
  const [file = '', ...words] = command
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(file, words, { env: { PATH, HOME, ...environment }, ...options })
  let [out, err] = ['', '']
  child.stdout.on('data', data => {
    out += String(data)
  })
  child.stderr.on('data', data => {
    err += String(data)
  })
  const leave = () => child.kill('SIGKILL')
  process.once('exit', leave)
  const ended = new Promise<Ended>(done =>
    child.once('close', (code, signal) => {
      process.off('exit', leave)
      done({ code, signal })
    }),
  )
  const log = () =>
    out
      .split('\n')
      .filter(line => line.startsWith('{'))
      .map(line => JSON.parse(line) as Readonly<Record<string, unknown>>)
  return { process: child, out: () => out, err: () => err, log, ended }
}

/** Waits until the server is ready. Throws its output when it ends instead. */
export const becomesReady = async (program: Program): Promise<void> => {
  const deadline = Date.now() + READY_SECONDS * 1000
  while (!program.err().includes('Signet is ready')) {
    if (program.process.exitCode !== null || Date.now() > deadline)
      throw new Error(`not ready: ${program.err()} ${program.out()}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** Sends a signal and waits for the end. Kills the process when it does not end in time, which the returned signal shows. */
export const stopProgram = async (
  { process: child, ended }: Program,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<Ended & { seconds: number }> => {
  const started = performance.now()
  child.kill(signal)
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_SECONDS * 1000)
  const end = await ended
  clearTimeout(impatience)
  return { ...end, seconds: (performance.now() - started) / 1000 }
}

/** A directory and a free port for programs, which end with the sandbox. */
export const openSandbox = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-process-'))
  const port = await freePort()
  const environment = {
    PORT: String(port),
    INTERNAL_PORT: 'off',
    DATA_DIR: join(directory, 'data'),
    KEYS_DIR: join(directory, 'keys'),
    // A test that is about draining sets its own.
    DRAIN_SECONDS: '0',
  }
  const programs: Program[] = []
  const start = (more: Readonly<Record<string, string>> = {}, ...command: readonly string[]) => {
    const program = startProgram({ ...environment, ...more }, ...(command.length > 0 ? [command] : []))
    programs.push(program)
    return program
  }
  /** Starts a program in a process group of its own, as a terminal does. */
  const startDetached = (more: Readonly<Record<string, string>>, ...command: readonly string[]) => {
    const program = startProgram({ ...environment, ...more }, command, { detached: true })
    programs.push(program)
    return program
  }
  const close = async () => {
    for (const program of programs)
      if (program.process.exitCode === null) await stopProgram(program, 'SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  const origin = `http://127.0.0.1:${port}`
  return { directory, port, environment, origin, ask: createAsk(origin), start, startDetached, close }
}

export type Sandbox = Awaited<ReturnType<typeof openSandbox>>
