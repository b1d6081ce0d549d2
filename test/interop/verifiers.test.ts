import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { JwksClient } from 'jwks-rsa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API, SERVICE } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'

describe('verifiers that others wrote', () => {
  let deployment: Deployment
  let issuer: string
  let jwks_uri: string
  let token: string
  let close: () => Promise<void>
  beforeAll(async () => {
    deployment = await openDeployment()
    ;({ issuer, close } = await listen(deployment))
    jwks_uri = `${issuer}/.well-known/jwks.json`
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { ...SERVICE, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    })
    token = ((await response.json()) as { access_token: string }).access_token
  })
  afterAll(async () => {
    await close()
    await deployment.close()
  })

  /** The same token with another claim in it, under the old signature. */
  const tampered = () => {
    const [header, payload = '', signature] = token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'admin' })).toString('base64url')
    return `${header}.${forged}.${signature}`
  }

  it('jose', async () => {
    const keys = createRemoteJWKSet(new URL(jwks_uri))
    const options = { algorithms: ['RS256'], typ: 'at+jwt', issuer, audience: API }
    const { payload } = await jwtVerify(token, keys, options)
    expect(payload.sub).toBe('service')
    await expect(jwtVerify(tampered(), keys, options)).rejects.toThrow()
    await expect(jwtVerify(token, keys, { ...options, audience: 'https://x.example' })).rejects.toThrow()
  })

  it('jsonwebtoken with jwks-rsa', async () => {
    const client = new JwksClient({ jwksUri: jwks_uri })
    const kid = jsonwebtoken.decode(token, { complete: true })?.header.kid
    const key = (await client.getSigningKey(kid)).getPublicKey()
    const options = { algorithms: ['RS256' as const], issuer, audience: API }
    expect(jsonwebtoken.verify(token, key, options)).toMatchObject({ client_id: 'service' })
    expect(() => jsonwebtoken.verify(tampered(), key, options)).toThrow('invalid signature')
    await expect(client.getSigningKey('unknown')).rejects.toThrow()
  })

  it('fast-jwt', async () => {
    const { keys } = (await (await fetch(jwks_uri)).json()) as { keys: JsonWebKey[] }
    const [jwk = {}] = keys
    const key = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    const verify = createVerifier({ key, algorithms: ['RS256'], allowedIss: issuer, allowedAud: API })
    expect(verify(token)).toMatchObject({ sub: 'service' })
    expect(() => verify(tampered())).toThrow()
  })
})
