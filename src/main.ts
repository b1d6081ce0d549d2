import { createAdaptorServer } from '@hono/node-server'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { compose, type Signet } from './compose.ts'
import { type Config, readConfig } from './config.ts'
import { StartFault } from './domain/start-fault.ts'
import { Unavailable } from './domain/unavailable.ts'
import { openLog } from './platform/log.ts'

/** Seconds for what is under way when the process is told to stop. */
const DRAIN_SECONDS = 10
const SWEEP_MILLISECONDS = 50
/** Ctrl-C under npm comes twice, from the terminal and from npm: what follows the first signal so closely is the same wish. */
const SAME_WISH_MILLISECONDS = 1000

/** Slow clients are cut off; a request is small. */
const SERVER_OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16_384,
}

const main = async () => {
  const reading = readConfig(process.env)
  if ('faults' in reading) return giveUp(reading.faults)
  const { config } = reading
  const log = openLog(config.LOG_LEVEL)
  try {
    const signet = await compose(config, { log })
    const server = await listen(config, signet).catch(async (error: unknown) => {
      await signet.close()
      throw error
    })
    process.on('SIGHUP', () => void reload(signet, log))
    const silent = trackSilent(server)
    onStopSignals(() => void stop(server, silent, signet, log))
    announce(config, signet)
  } catch (error) {
    if (error instanceof StartFault) return giveUp(error.lines)
    if (error instanceof Unavailable) return giveUp(['DATABASE_URL: the database does not answer'])
    throw error
  }
}

const giveUp = (lines: readonly string[]): never => {
  for (const line of lines) process.stderr.write(`signetd: ${line}\n`)
  process.exit(2)
}

const listen = (config: Config, signet: Signet): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createAdaptorServer({ fetch: signet.app.fetch, serverOptions: SERVER_OPTIONS }) as Server
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new StartFault([`cannot listen on HOST ${config.HOST}, PORT ${config.PORT}: ${error.code}`], error),
      )
    })
    server.listen(config.PORT, config.HOST, () => resolve(server))
  })

/** For the person who started it; the log is on standard output. */
const announce = (config: Config, { demo }: Signet) => {
  const lines = [`Signet is ready: ${config.ISSUER}`]
  if (demo) {
    const { client_id, client_secret } = demo
    lines.push(`Demo client: ${client_id}, secret ${client_secret}`)
    lines.push('Get a token:')
    lines.push(
      `  curl -s -u ${client_id}:${client_secret} -d grant_type=client_credentials ${config.ISSUER}/token`,
    )
  }
  process.stderr.write(`${lines.join('\n')}\n`)
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
const stop = async (server: Server, silent: Silent, signet: Signet, log: ProcessLog) => {
  log.info({}, 'stopping')
  signet.drain()
  const sweep = setInterval(() => {
    server.closeIdleConnections()
    silent.close()
  }, SWEEP_MILLISECONDS)
  const deadline = setTimeout(() => server.closeAllConnections(), DRAIN_SECONDS * 1000)
  await new Promise(resolve => server.close(resolve))
  clearInterval(sweep)
  clearTimeout(deadline)
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

/** Connections on which nothing has come yet, as browsers open them in advance: to Node they are not idle, and it would wait for them. */
const trackSilent = (server: Server) => {
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const close = () => {
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  }
  return { close }
}

type Silent = ReturnType<typeof trackSilent>
type ProcessLog = ReturnType<typeof openLog>

await main()
