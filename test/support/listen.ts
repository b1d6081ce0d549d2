import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { type Call, createCall } from './call.ts'
import type { Given, Instance, Place } from './server.ts'
import { freePort } from './services/services.ts'

/** An instance on a socket, for clients that know nothing but a URL. */
export type Listening = Readonly<{
  signet: Instance
  issuer: string
  origin: string
  port: number
  lines: Instance['lines']
  call: Call
  close: () => Promise<void>
}>

/** It is the issuer that it is found at, unless it is told another. */
export const listen = async (place: Place, given: Given = {}): Promise<Listening> => {
  const port = await freePort()
  const environment = { ISSUER: `http://localhost:${port}`, ...given.environment }
  const signet = await place.start({ ...given, environment })
  const server = createAdaptorServer({ fetch: request => signet.listenable(request) }) as Server
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${port}`
  const close = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
    await signet.close()
  }
  return { signet, issuer: signet.issuer, origin, port, lines: signet.lines, call: createCall(origin), close }
}
