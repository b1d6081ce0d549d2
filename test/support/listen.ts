import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { type Ask, createAsk } from './ask.ts'
import { type Deployment, type Given, type Instance, ISSUER } from './deployment.ts'
import { freePort } from './services/services.ts'

/** An instance on a socket, for clients that need a URL. */
export type Listening = Readonly<{
  signet: Instance
  issuer: string
  origin: string
  port: number
  lines: Instance['lines']
  ask: Ask
  close: () => Promise<void>
}>

/** Starts an instance on a socket. Its ISSUER is the origin of the socket unless the test sets another. */
export const listen = async (deployment: Deployment, given: Given = {}): Promise<Listening> => {
  const port = await freePort()
  const environment = { ISSUER: `http://localhost:${port}`, ...given.environment }
  const signet = await deployment.start({ ...given, environment })
  const server = createAdaptorServer({ fetch: request => signet.listenable(request) }) as Server
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${port}`
  const close = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
    await signet.close()
  }
  return { signet, issuer: signet.issuer, origin, port, lines: signet.lines, ask: createAsk(origin), close }
}

/** The default limits. They do not fill up by themselves, as `ask` sends each request from an address of its own. */
const WITH_DEFAULT_LIMITS = {
  ISSUER,
  RATE_LIMIT_LOGIN: '',
  RATE_LIMIT_ACCOUNTS: '',
  RATE_LIMIT_TOKEN_FAILURES: '',
}

/** An instance on a socket with the default limits. */
export const listenWithLimits = (deployment: Deployment, given: Given = {}): Promise<Listening> =>
  listen(deployment, { ...given, environment: { ...WITH_DEFAULT_LIMITS, ...given.environment } })
