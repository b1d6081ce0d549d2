// The same service without any Signet code: jsonwebtoken with jwks-rsa. Start: node examples/jsonwebtoken/server.mjs
import express from 'express'
import jwt from 'jsonwebtoken'
import jwksRsa from 'jwks-rsa'

const issuer = process.env.ISSUER ?? 'http://localhost:8080'
const audience = process.env.AUDIENCE ?? 'http://localhost:3000'
const keys = jwksRsa({ jwksUri: `${issuer}/.well-known/jwks.json`, cache: true, rateLimit: true })

const verify = token =>
  new Promise((resolve, reject) => {
    const findKey = ({ kid }, done) =>
      keys.getSigningKey(kid, (error, key) => done(error, key?.getPublicKey()))
    const options = { algorithms: ['RS256'], issuer, audience, clockTolerance: 5, complete: true }
    jwt.verify(token, findKey, options, (error, verified) => (error ? reject(error) : resolve(verified)))
  })

const protect = async (request, response, next) => {
  try {
    const { header, payload } = await verify(
      request.headers.authorization?.match(/^Bearer +(\S+)$/i)?.[1] ?? '',
    )
    // This library does not look at the type: without this line an ID token would pass.
    if (header.typ !== 'at+jwt') throw new Error('not an access token')
    request.claims = payload
  } catch {
    return response
      .status(401)
      .set('WWW-Authenticate', 'Bearer error="invalid_token"')
      .json({ error: 'invalid_token' })
  }
  return next()
}

const app = express()
app.get('/orders', protect, (request, response) => response.json({ sub: request.claims.sub }))

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`Listening on http://127.0.0.1:${server.address().port}`),
)
