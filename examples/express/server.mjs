// An Express service that takes Signet's tokens. Start: node examples/express/server.mjs
import express from 'express'
import { authOf, createExpressProtect, scope } from 'signetd-verify/node'

const issuer = process.env.ISSUER ?? 'http://localhost:8080'
const audience = process.env.AUDIENCE ?? 'http://localhost:3000'
const protect = createExpressProtect({ issuer, audience })

const app = express()
app.get('/orders', protect(), (request, response) => response.json({ sub: authOf(request).claims.sub }))
app.get('/orders/all', protect(scope('orders:read')), (request, response) =>
  response.json({ sub: authOf(request).claims.sub }),
)

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`Listening on http://127.0.0.1:${server.address().port}`),
)
