import { closeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { compose, type Signet } from './compose/index.ts'
import { type Config, readConfig } from './config.ts'
import { StartFault } from './domain/base/start-fault.ts'
import { Unavailable } from './domain/base/unavailable.ts'
import { type Listener, openListener } from './http/server/listener.ts'
import { createUnreadable } from './http/server/malformed-requests.ts'
import { openLog, type ProcessLog } from './platform/log.ts'
import { openOutput } from './platform/output.ts'
import { systemRandom } from './platform/random.ts'

/** Seconds for what is under way when the process is told to stop. */
const DRAIN_SECONDS = 10
/** Ctrl-C under npm comes twice, from the terminal and from npm: what follows the first signal so closely is the same wish. */
const SAME_WISH_MILLISECONDS = 1000

/** For the person who started it; the log is on standard output. */
const screen = openOutput({ fd: 2 })
process.once('exit', screen.flush)

/**
 * Node.js 20 gives each terminal its settings back at an exit, and aborts when a terminal is gone by then
 * (`ResetStdio` in src/node.cc); it leaves a closed descriptor alone.
 */
const terminals = [0, 1, 2].filter(fd => isatty(fd))
const forgetGoneTerminals = () => {
  for (const fd of terminals) if (!isatty(fd)) closeSync(fd)
}

const main = async () => {
  process.once('exit', forgetGoneTerminals)
  const reading = readConfig(process.env)
  if ('faults' in reading) return giveUp(reading.faults)
  const { config } = reading
  const log = openLog(config.LOG_LEVEL)
  process.once('exit', log.flush)
  try {
    const signet = await compose(config, { log, printMail, logLinesDropped: log.dropped })
    const listeners = await listen(config, signet, log).catch(async (error: unknown) => {
      await signet.close()
      throw error
    })
    process.on('SIGHUP', () => void reload(signet, log))
    onStopSignals(() => void stop(listeners, signet, log))
    printReady(config, signet)
  } catch (error) {
    if (error instanceof StartFault) return giveUp(error.lines)
    if (error instanceof Unavailable) return giveUp(['DATABASE_URL: the database does not answer'])
    throw error
  }
}

/** For the developer, where no SMTP_URL is: a link in the log would be a secret in the log. */
const printMail = (text: string) => screen.write(`\n${text}\n`)

const giveUp = (lines: readonly string[]): never => {
  screen.write(lines.map(line => `signetd: ${line}\n`).join(''))
  process.exit(2)
}

/** The internal listener first: whoever can reach the public one finds both there. */
const listen = async (
  config: Config,
  { app, internalApp }: Signet,
  log: ProcessLog,
): Promise<readonly Listener[]> => {
  const { HOST: host, PORT: port, INTERNAL_HOST, INTERNAL_PORT } = config
  const unreadable = createUnreadable({ random: systemRandom, log })
  const listeners: Listener[] = []
  if (internalApp && INTERNAL_PORT !== null) {
    try {
      listeners.push(
        await openListener(internalApp, { host: INTERNAL_HOST, port: INTERNAL_PORT }, unreadable),
      )
    } catch (error) {
      // A second instance on one machine, started without a thought of metrics, is to start all the same.
      if (process.env['INTERNAL_PORT'])
        throw toFault(error, `INTERNAL_HOST ${INTERNAL_HOST}, INTERNAL_PORT ${INTERNAL_PORT}`)
      log.warn({ port: INTERNAL_PORT }, 'the default INTERNAL_PORT is taken: no metrics from this process')
    }
  }
  try {
    return [...listeners, await openListener(app, { host, port }, unreadable)]
  } catch (error) {
    throw toFault(error, `HOST ${host}, PORT ${port}`)
  }
}

const toFault = (error: unknown, address: string): StartFault => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  return new StartFault([`cannot listen on ${address}: ${code}`], error)
}

const printReady = (config: Config, { demo }: Signet) => {
  const lines = [`Signet is ready: ${config.ISSUER}`]
  if (demo) {
    const { client_id, client_secret } = demo
    lines.push(`Demo client: ${client_id}, secret ${client_secret}`)
    lines.push('Get a token:')
    lines.push(
      `  curl -s -u ${client_id}:${client_secret} -d grant_type=client_credentials ${config.ISSUER}/token`,
    )
    const { url, email, password } = demo.sign_in
    lines.push(`Try signing in: ${url} (${email}, password ${password})`)
  }
  screen.write(`${lines.join('\n')}\n`)
}

const reload = async (signet: Signet, log: ProcessLog) => {
  try {
    await signet.reload()
    log.info({}, 'reloaded')
  } catch (error) {
    log.error(
      { faults: error instanceof StartFault ? error.lines : [String(error)] },
      'not reloaded: the clients stay as they were',
    )
  }
}

/** Finishes what is under way, takes nothing new, and ends within seconds. */
const stop = async (listeners: readonly Listener[], signet: Signet, log: ProcessLog) => {
  log.info({}, 'stopping')
  signet.drain()
  await Promise.all(listeners.map(listener => listener.drain(DRAIN_SECONDS)))
  await signet.close()
  log.info({}, 'stopped')
  await log.close()
  process.exit(0)
}

/** Stops at the first signal, and ends at once at one that comes later. */
const onStopSignals = (begin: () => void) => {
  let begun: number | null = null
  const take = () => {
    if (begun === null) {
      begun = performance.now()
      begin()
    } else if (performance.now() - begun > SAME_WISH_MILLISECONDS) process.exit(1)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, take)
}

await main()
