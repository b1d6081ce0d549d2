import { closeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { compose, type Signet } from './compose/index.ts'
import { type Config, describeSignInLimit, findProxyDoubt, readConfig } from './config.ts'
import { StartFault } from './domain/base/start-fault.ts'
import { Unavailable } from './domain/base/unavailable.ts'
import { findListenFault, type ListenAddress, listenFaultOf } from './http/server/listen-address.ts'
import { FINISH_SECONDS, IDLE_SECONDS, type Listener, openListener } from './http/server/listener.ts'
import { createUnreadable } from './http/server/malformed-requests.ts'
import { openLog, type ProcessLog } from './platform/log.ts'
import { openOutput } from './platform/output.ts'
import { systemRandom } from './platform/random.ts'
import { systemWait } from './platform/wait.ts'
import type { StartPhase } from './ports/effects.ts'

/** Ctrl-C under npm comes twice, from the terminal and from npm: a signal that follows the first one so closely is the same wish. */
const SAME_WISH_MILLISECONDS = 1000

/** For the person who starts the server; the log is on standard output. */
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
    await requireAddresses(config)
    const signet = await compose(config, {
      log,
      printMail,
      logLinesDropped: log.dropped,
      onPhase: createTellPhase(log),
    })
    const listeners = await listen(config, signet, log).catch(async (error: unknown) => {
      await signet.close()
      throw error
    })
    process.on('SIGHUP', () => void reload(signet, log))
    onStopSignals(() => void stop(config, { listeners, signet, log }))
    reportReady(config, log)
    printReady(config, signet, { isInternal: listeners.length > 1 })
  } catch (error) {
    if (error instanceof StartFault) return giveUp(error.lines)
    if (error instanceof Unavailable) return giveUp([DATABASE_LOST])
    throw error
  }
}

/** Shows a mail to the developer where SMTP_URL is unset: its link is a secret, which the log must not hold. */
const printMail = (text: string) => screen.write(`\n${text}\n`)

const DATABASE_LOST =
  'DATABASE_URL: the database stopped answering during the start; look at its log, and start again'

const giveUp = (lines: readonly string[]): never => {
  screen.write(lines.map(line => `signetd: ${line}\n`).join(''))
  process.exit(2)
}

const PHASES: Readonly<Record<StartPhase, string>> = {
  making_database: 'making the embedded database: some seconds, at the first start only',
  opening_database: 'opening the embedded database',
  migrating_database: 'bringing the tables of the embedded database up to date',
}

/** A line for each phase of a start that takes seconds: for the person at the terminal, else in the log. */
const createTellPhase = (log: ProcessLog): ((phase: StartPhase) => void) =>
  isatty(2)
    ? phase => screen.write(`Starting: ${PHASES[phase]}\n`)
    : phase => log.info({ event: 'start', phase }, PHASES[phase])

const publicAddress = ({ HOST, PORT }: Config): ListenAddress => ({
  listener: 'public',
  host: HOST,
  port: PORT,
})

/** Null where the internal listener is off. */
const internalAddress = ({ INTERNAL_HOST, INTERNAL_PORT }: Config): ListenAddress | null =>
  INTERNAL_PORT === null ? null : { listener: 'internal', host: INTERNAL_HOST, port: INTERNAL_PORT }

/** A second instance on one machine, whose operator gave no thought to metrics, starts without them. */
const isInternalRequired = (): boolean => Boolean(process.env['INTERNAL_PORT'])

/** Throws a StartFault with a line for each address that cannot be listened on, before a database or a key is made. */
const requireAddresses = async (config: Config): Promise<void> => {
  const internal = isInternalRequired() ? internalAddress(config) : null
  const faults: string[] = []
  for (const address of [internal, publicAddress(config)]) {
    const fault = address && (await findListenFault(address))
    if (fault !== null) faults.push(fault)
  }
  if (faults.length > 0) throw new StartFault(faults)
}

/** The internal listener comes first: a client that reaches the public one finds both. */
const listen = async (
  config: Config,
  { app, internalApp }: Signet,
  log: ProcessLog,
): Promise<readonly Listener[]> => {
  const internal = internalAddress(config)
  const unreadable = createUnreadable({ random: systemRandom, log })
  const listeners: Listener[] = []
  if (internalApp && internal !== null) {
    try {
      listeners.push(await openListener(internalApp, internal, unreadable))
    } catch (error) {
      if (isInternalRequired()) throw new StartFault([listenFaultOf(error, internal)], error)
      log.warn({ port: internal.port }, NO_METRICS)
    }
  }
  const address = publicAddress(config)
  try {
    return [...listeners, await openListener(app, address, unreadable)]
  } catch (error) {
    throw new StartFault([listenFaultOf(error, address)], error)
  }
}

const NO_METRICS =
  'another process listens on the default INTERNAL_PORT, and this process has no metrics: set INTERNAL_PORT to a free port, or to off'

/** Warns of a setting that the operator may not have meant, and logs where the server listens. */
const reportReady = (config: Config, log: ProcessLog) => {
  const { ISSUER: issuer, HOST: host, PORT: port } = config
  const doubt = findProxyDoubt(config)
  if (doubt !== null) log.warn({ event: 'trusted_proxies_unset' }, doubt)
  log.info({ event: 'ready', issuer, host, port }, 'ready')
}

type Listening = Readonly<{ isInternal: boolean }>

const printReady = (config: Config, { demo, console_link }: Signet, { isInternal }: Listening) => {
  const { ISSUER, HOST, PORT } = config
  const lines = [
    `Signet is ready: ${ISSUER}`,
    `Listens on: ${HOST}, port ${PORT}`,
    `API reference: ${ISSUER}/docs`,
    `Limit: ${describeSignInLimit(config)}`,
  ]
  if (demo) {
    const { client_id, client_secret } = demo
    lines.push(`Demo client: ${client_id}, secret ${client_secret}`)
    lines.push('Get a token:')
    lines.push(`  curl -s -u ${client_id}:${client_secret} -d grant_type=client_credentials ${ISSUER}/token`)
    const { url, email, password } = demo.sign_in
    lines.push(`Try signing in: ${url} (${email}, password ${password})`)
  }
  if (console_link !== null && isInternal)
    lines.push(`Console, signed in once within 10 minutes: ${console_link}`)
  screen.write(`${lines.join('\n')}\n`)
}

const reload = async (signet: Signet, log: ProcessLog) => {
  try {
    await signet.reload()
    log.info({}, 'reloaded')
  } catch (error) {
    log.error(
      { faults: error instanceof StartFault ? error.lines : [String(error)] },
      'not reloaded: a file with faults counts as it was before; mend the faults and send SIGHUP again',
    )
  }
}

type Running = Readonly<{ listeners: readonly Listener[]; signet: Signet; log: ProcessLog }>

/** Seconds in which a proxy that asks no probe gets connections that outlast the port. */
const KEEPING_SECONDS = 1

/**
 * Ours (docs/decisions/0072) – Serves on until proxies have seen that `/readyz` is 503. Then keeps the connections for a moment, accepts no
 * further one, and ends each with its next answer: a proxy that had to replace its connections until the port closes would lose the request
 * of the last one.
 */
const stop = async ({ DRAIN_SECONDS }: Config, { listeners, signet, log }: Running) => {
  log.info({}, 'stopping')
  signet.drain()
  await systemWait(DRAIN_SECONDS * 1000)
  const isPatient = DRAIN_SECONDS > 0
  if (isPatient) {
    signet.keepConnections()
    await systemWait(KEEPING_SECONDS * 1000)
  }
  await Promise.all(listeners.map(listener => listener.stopListening()))
  signet.endConnections()
  const grace = { idle_seconds: isPatient ? IDLE_SECONDS : 0, finish_seconds: FINISH_SECONDS }
  await Promise.all(listeners.map(listener => listener.close(grace)))
  await signet.close()
  log.info({}, 'stopped')
  await log.close()
  process.exit(0)
}

/** Stops in order at the first signal, and at once at a later one. */
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
