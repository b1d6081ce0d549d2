// A Hono service that takes Signet's tokens. Start: node examples/hono/server.mjs
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createProtect, scope } from 'signetd-verify/hono'

const issuer = process.env.ISSUER ?? 'http://localhost:8080'
const audience = process.env.AUDIENCE ?? 'http://localhost:3000'
const protect = createProtect({ issuer, audience })

const app = new Hono()
app.get('/orders', protect(), c => c.json({ sub: c.var.auth.claims.sub }))
app.get('/orders/all', protect(scope('orders:read')), c => c.json({ sub: c.var.auth.claims.sub }))

serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(process.env.PORT ?? 3000) }, ({ port }) =>
  console.log(`Listening on http://127.0.0.1:${port}`),
)
