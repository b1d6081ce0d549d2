// The same service without any Signet code: express-oauth2-jwt-bearer. Start: node examples/express-oauth2-jwt-bearer/server.mjs
import express from 'express'
import { auth } from 'express-oauth2-jwt-bearer'

const issuer = process.env.ISSUER ?? 'http://localhost:8080'
const protect = auth({
  issuer,
  jwksUri: `${issuer}/.well-known/jwks.json`,
  audience: process.env.AUDIENCE ?? 'http://localhost:3000',
  tokenSigningAlg: 'RS256',
  // RFC 9068: the type at+jwt and the required claims.
  strict: true,
})

const app = express()
app.set('env', 'production')
app.get('/orders', protect, (request, response) => response.json({ sub: request.auth.payload.sub }))

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`Listening on http://127.0.0.1:${server.address().port}`),
)
