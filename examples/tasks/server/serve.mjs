import { once } from 'node:events'
import { serve } from '@hono/node-server'
import { followRevocations } from 'signetd-verify/revocations'
import { createApp } from './app.mjs'
import { openStore } from './store.mjs'

/** Serves the application at `origin`, whose port it listens on. */
export const serveTasks = async ({ issuer, origin, data, page }) => {
  const store = await openStore(data)
  const revocations = followRevocations({ issuer })
  const app = createApp({ issuer, origin, store, revocations, page })
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(new URL(origin).port) })
  await once(server, 'listening')
  return async () => {
    revocations.close()
    server.close()
    server.closeAllConnections()
    await store.close()
  }
}
