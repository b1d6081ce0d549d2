import { createAdaptorServer } from '@hono/node-server'
import { freePort } from './services.ts'
import type { Instance, Place } from './server.ts'

/** An instance on a socket, for clients that know nothing but a URL. */
export const listen = async (
  place: Place,
): Promise<Readonly<{ signet: Instance; issuer: string; close: () => Promise<void> }>> => {
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const signet = await place.start({ environment: { ISSUER: issuer } })
  const server = createAdaptorServer({ fetch: signet.listenable })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      if ('closeAllConnections' in server) server.closeAllConnections()
    })
  return { signet, issuer, close }
}
