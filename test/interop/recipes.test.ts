import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { createPageVisitor, type PageVisitor } from '../support/authorization/person.ts'
import { API, CLIENTS, SERVICE } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { type Listening, listen } from '../support/listen.ts'
import { freePort } from '../support/services/services.ts'

const SECRET = 'a-secret-of-more-than-thirty-two-characters'
const python = inject('python_authlib')

describe('docs/recipes.md', { timeout: 60_000 }, () => {
  let deployment: Deployment
  let listening: Listening
  let ports: Readonly<Record<'authjs' | 'passport' | 'flask' | 'nginx', number>>
  const running: ChildProcess[] = []
  beforeAll(async () => {
    ports = {
      authjs: await freePort(),
      passport: await freePort(),
      flask: await freePort(),
      nginx: await freePort(),
    }
    const code = {
      client_secret: SECRET,
      grant_types: ['authorization_code'],
      scope: 'openid email profile',
    }
    deployment = await openDeployment([
      ...CLIENTS,
      {
        ...code,
        client_id: 'authjs',
        redirect_uris: [`${originOf('authjs')}/auth/callback/signet`],
        post_logout_redirect_uris: [`${originOf('authjs')}/`],
      },
      {
        ...code,
        client_id: 'passport',
        token_endpoint_auth_method: 'client_secret_post',
        redirect_uris: [`${originOf('passport')}/callback`],
      },
      {
        ...code,
        client_id: 'flask',
        redirect_uris: [`${originOf('flask')}/callback`],
        post_logout_redirect_uris: [`${originOf('flask')}/`],
      },
      { client_id: 'nginx', client_secret: SECRET, protected_resources: [API] },
    ])
    listening = await listen(deployment)
  })
  afterAll(async () => {
    for (const child of running) {
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
    await listening.close()
    await deployment.close()
  })

  const originOf = (name: keyof typeof ports) => `http://127.0.0.1:${ports[name]}`

  /** Starts an example and waits until it answers. */
  const start = async (name: keyof typeof ports, [command, ...words]: readonly [string, ...string[]]) => {
    const origin = originOf(name)
    const child = spawn(command, words, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        ISSUER: listening.issuer,
        PORT: String(ports[name]),
        ORIGIN: origin,
        CLIENT_ID: name,
        CLIENT_SECRET: SECRET,
        AUTH_SECRET: SECRET,
        SECRET_KEY: SECRET,
        AUTHLIB_INSECURE_TRANSPORT: '1',
      },
    })
    running.push(child)
    await vi.waitFor(() => fetch(origin), { timeout: 30_000, interval: 200 })
    return origin
  }
  const meet = () => {
    const email = newEmail()
    return { email, person: createPageVisitor(listening.issuer, { email, password: PASSWORD }) }
  }
  const textAt = async (person: PageVisitor, url: string) => (await person.visit(url)).text()
  const form = (fields: Readonly<Record<string, string>>): RequestInit => ({
    method: 'POST',
    body: new URLSearchParams(fields),
  })

  it('Auth.js signs a person in with PKCE, state and nonce, and out at Signet too', async () => {
    const origin = await start('authjs', [process.execPath, 'examples/authjs/server.mjs'])
    const { email, person } = meet()
    const csrfToken = async () => {
      const answer: unknown = await (await person.visit(`${origin}/auth/csrf`)).json()
      return String(Object(answer).csrfToken)
    }
    const asked = await person.visit(`${origin}/auth/signin/signet`, form({ csrfToken: await csrfToken() }))
    const url = new URL(asked.headers.get('location') ?? '')
    for (const name of ['code_challenge', 'state', 'nonce']) expect(url.searchParams.has(name)).toBe(true)
    const answer = await person.visit(await person.authorize(url))
    expect(answer.status).toBe(302)
    const home = await textAt(person, `${origin}/`)
    expect(home).toContain(`Hello, ${email}`)
    const [, leave = ''] = /href="(\/auth\/signout[^"]*)"/.exec(home) ?? []
    expect((await person.visit(`${origin}${leave}`)).status).toBe(200)
    const left = await person.visit(`${origin}/auth/signout`, form({ csrfToken: await csrfToken() }))
    const end = await person.visit(left.headers.get('location') ?? '')
    expect(new URL(left.headers.get('location') ?? '').origin).toBe(listening.issuer)
    expect(end.status).toBeLessThan(400)
    expect(await textAt(person, `${origin}/`)).not.toContain(email)
  })

  it('passport signs a person in with PKCE and state', async () => {
    const origin = await start('passport', [process.execPath, 'examples/passport/server.mjs'])
    const { email, person } = meet()
    const asked = await person.visit(`${origin}/login`)
    const answer = await person.visit(await person.authorize(asked.headers.get('location') ?? ''))
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/'])
    expect(JSON.parse(await textAt(person, `${origin}/`))).toEqual({ email })
    const stolen = await person.visit(`${origin}/callback?code=stolen&state=of-another`)
    expect(stolen.headers.get('location')).toBe('/login')
    expect((await fetch(`${origin}/`)).status).toBe(401)
  })

  it.skipIf(python === null)('Authlib in Flask signs a person in and out', async () => {
    const origin = await start('flask', [python ?? '', 'examples/flask-authlib/server.py'])
    const { email, person } = meet()
    const asked = await person.visit(`${origin}/login`)
    const answer = await person.visit(await person.authorize(asked.headers.get('location') ?? ''))
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/'])
    expect(await textAt(person, `${origin}/`)).toContain(`Hello, ${email}`)
    const left = await person.visit(`${origin}/logout`, { method: 'POST' })
    const end = await person.visit(left.headers.get('location') ?? '')
    expect([end.status, end.headers.get('location')]).toEqual([303, `${origin}/`])
    expect(await textAt(person, `${origin}/`)).not.toContain(email)
  })

  it.skipIf(!inject('has_nginx'))(
    'nginx lets living tokens for its audience through, and no other',
    async () => {
      const origin = await start('nginx', ['sh', 'examples/nginx/start.sh'])
      const tokenFor = async (resource: string) => {
        const { body } = await listening.signet.token({ grant_type: 'client_credentials', resource }, SERVICE)
        return body.access_token
      }
      const [ours, foreign] = [await tokenFor(API), await tokenFor('https://other.example')]
      const order = async (token: string | null, headers: Readonly<Record<string, string>> = {}) => {
        const authorization = token === null ? {} : { authorization: `Bearer ${token}` }
        const answer = await fetch(`${origin}/orders`, { headers: { ...headers, ...authorization } })
        return [
          answer.status,
          answer.status === 200 ? await answer.json() : answer.headers.get('www-authenticate'),
        ]
      }
      expect(await order(ours, { 'x-sub': 'admin' })).toEqual([200, { sub: 'service' }])
      expect(await order(null, { 'x-sub': 'admin' })).toEqual([401, 'Bearer'])
      for (const token of [foreign, 'x', `${ours}x`])
        expect(await order(token)).toEqual([401, 'Bearer error="invalid_token"'])
      await listening.signet.post('/revoke', { token: ours }, SERVICE)
      expect(await order(ours)).toEqual([401, 'Bearer error="invalid_token"'])
    },
  )
})
