import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import { genericOAuth } from 'better-auth/plugins'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { createPageVisitor, serveAt } from '../support/authorization/person.ts'
import { API } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'
import { freePort } from '../support/services/services.ts'

const SECRET = 'a-secret-of-more-than-thirty-two-characters'

type Application = Readonly<{ origin: string; port: number }>

const placeApplication = async (): Promise<Application> => {
  const port = await freePort()
  return { port, origin: `http://127.0.0.1:${port}` }
}

describe('web applications that others wrote', () => {
  let deployment: Deployment
  let issuer: string
  let close: () => Promise<void>
  let betterAuthAt: Application
  beforeAll(async () => {
    betterAuthAt = await placeApplication()
    const code = {
      client_secret: SECRET,
      grant_types: ['authorization_code', 'refresh_token'],
      scope: 'openid profile email offline_access read',
      audience: [API],
    }
    deployment = await openDeployment([
      {
        ...code,
        client_id: 'better-auth',
        token_endpoint_auth_method: 'client_secret_post',
        redirect_uris: [`${betterAuthAt.origin}/api/auth/callback/signet`],
      },
    ])
    ;({ issuer, close } = await listen(deployment))
  })
  afterAll(async () => {
    await close()
    await deployment.close()
  })

  it('better-auth, by discovery', async () => {
    const auth = betterAuth({
      baseURL: betterAuthAt.origin,
      telemetry: { enabled: false },
      secret: SECRET,
      database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
      plugins: [
        genericOAuth({
          config: [
            {
              providerId: 'signet',
              discoveryUrl: `${issuer}/.well-known/openid-configuration`,
              clientId: 'better-auth',
              clientSecret: SECRET,
              scopes: ['openid', 'profile', 'email', 'offline_access'],
              pkce: true,
            },
          ],
        }),
      ],
    })
    const end = await serveAt(betterAuthAt.port, toNodeHandler(auth))
    const email = newEmail()
    const person = createPageVisitor(issuer, { email, password: PASSWORD })
    const asked = await person.visit(`${betterAuthAt.origin}/api/auth/sign-in/social`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: betterAuthAt.origin },
      body: JSON.stringify({ provider: 'signet', callbackURL: '/' }),
    })
    const { url } = (await asked.json()) as Readonly<{ url: string }>
    const answer = await person.visit(await person.authorize(url))
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/'])
    const session = await person.visit(`${betterAuthAt.origin}/api/auth/get-session`)
    expect(await session.json()).toMatchObject({ user: { email } })
    await end()
  })
})
