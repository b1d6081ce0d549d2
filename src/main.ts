import { createAdaptorServer } from '@hono/node-server'
import type { Server } from 'node:http'
import { compose, type Signet } from './compose.ts'
import { type Config, readConfig } from './config.ts'
import { StartFault } from './domain/start-fault.ts'
import { Unavailable } from './domain/unavailable.ts'
import { openLog } from './platform/log.ts'

/** Seconds for what is under way when the process is told to stop. */
const DRAIN_SECONDS = 10

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
    const servers = await listenOnBoth(config, signet).catch(async (error: unknown) => {
      await signet.close()
      throw error
    })
    process.on('SIGHUP', () => void reload(signet, log))
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => void stop(servers, signet, log))
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

/** The internal listener first: whoever can reach the public one finds both there. */
const listenOnBoth = async (config: Config, { app, internalApp }: Signet): Promise<readonly Server[]> => {
  const { HOST, PORT, INTERNAL_HOST, INTERNAL_PORT } = config
  const internal =
    internalApp && INTERNAL_PORT !== null
      ? [await listen(internalApp, { host: INTERNAL_HOST, port: INTERNAL_PORT, prefix: 'INTERNAL_' })]
      : []
  return [...internal, await listen(app, { host: HOST, port: PORT, prefix: '' })]
}

type Address = Readonly<{ host: string; port: number; prefix: '' | 'INTERNAL_' }>

const listen = (app: Signet['app'], { host, port, prefix }: Address): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createAdaptorServer({ fetch: app.fetch, serverOptions: SERVER_OPTIONS }) as Server
    server.once('error', (error: NodeJS.ErrnoException) => {
      const line = `cannot listen on ${prefix}HOST ${host}, ${prefix}PORT ${port}: ${error.code}`
      reject(new StartFault([line], error))
    })
    server.listen(port, host, () => resolve(server))
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

const reload = async (signet: Signet, log: ReturnType<typeof openLog>) => {
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

/** Finishes what is under way, takes nothing new, and ends within seconds. A second signal ends at once. */
const stop = async (servers: readonly Server[], signet: Signet, log: ReturnType<typeof openLog>) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))
  log.info({}, 'stopping')
  signet.drain()
  const each = (act: (server: Server) => void) => () => servers.forEach(act)
  const sweep = setInterval(
    each(server => server.closeIdleConnections()),
    50,
  )
  const deadline = setTimeout(
    each(server => server.closeAllConnections()),
    DRAIN_SECONDS * 1000,
  )
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  clearInterval(sweep)
  clearTimeout(deadline)
  await signet.close()
  log.info({}, 'stopped')
  log.flush()
  process.exit(0)
}

await main()
