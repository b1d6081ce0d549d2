import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { hkdfSync } from 'node:crypto'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import { EncryptJWT, jwtDecrypt } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { createPageVisitor } from '../support/authorization/person.ts'
import { CLIENTS } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { type Listening, listen } from '../support/listen.ts'
import { type FaultProxy, openFaultProxy } from '../support/services/fault-proxy.ts'
import { freePort } from '../support/services/services.ts'

const run = promisify(execFile)

const NEXT = 'node_modules/next/dist/bin/next'
const APPLICATION = 'examples/nextjs'
const SECRET = 'a-secret-of-more-than-thirty-two-characters'
const COOKIE = 'shop-session'
/** The key that next-auth 4 derives for its cookies. */
const KEY = new Uint8Array(hkdfSync('sha256', SECRET, '', 'NextAuth.js Generated Encryption Key', 32))
/** An access token is replaced so many seconds before it expires. */
const MARGIN_SECONDS = 60

/** One build, which two processes serve, as behind a proxy that balances load. */
describe('examples/nextjs: Next.js with Auth.js', { timeout: 60_000 }, () => {
  let deployment: Deployment
  let network: FaultProxy
  let listening: Listening
  let ports: Readonly<Record<'application' | 'second' | 'api', number>>
  const running: ChildProcess[] = []

  const originOf = (name: keyof typeof ports) => `http://127.0.0.1:${ports[name]}`
  const environment = (): NodeJS.ProcessEnv => ({
    ...process.env,
    NODE_ENV: 'production',
    NEXT_TELEMETRY_DISABLED: '1',
    ISSUER: listening.issuer,
    API: originOf('api'),
    AUDIENCE: originOf('api'),
    CLIENT_SECRET: SECRET,
    NEXTAUTH_URL: originOf('application'),
    NEXTAUTH_SECRET: SECRET,
  })
  const start = async (name: keyof typeof ports, words: readonly string[]) => {
    const child = spawn(process.execPath, words, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...environment(), PORT: String(ports[name]) },
    })
    running.push(child)
    await vi.waitFor(() => fetch(originOf(name)), { timeout: 30_000, interval: 200 })
  }

  beforeAll(async () => {
    ports = { application: await freePort(), second: await freePort(), api: await freePort() }
    deployment = await openDeployment([
      ...CLIENTS,
      {
        client_id: 'nextjs',
        client_secret: SECRET,
        grant_types: ['authorization_code', 'refresh_token'],
        scope: 'openid email offline_access',
        audience: [originOf('api')],
        redirect_uris: [`${originOf('application')}/api/auth/callback/signet`],
        post_logout_redirect_uris: [`${originOf('application')}/`],
      },
    ])
    const target = { host: '127.0.0.1', port: 0 }
    network = await openFaultProxy(target)
    const ISSUER = `http://localhost:${network.port}`
    listening = await listen(deployment, { environment: { ISSUER } })
    target.port = listening.port
    await run(process.execPath, [NEXT, 'build', APPLICATION], { env: environment() })
    const serve = [NEXT, 'start', APPLICATION, '--hostname', '127.0.0.1']
    await Promise.all([
      start('application', serve),
      start('second', serve),
      start('api', ['examples/hono/server.mjs']),
    ])
  }, 180_000)
  afterAll(async () => {
    for (const child of running) {
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
    await rm(`${APPLICATION}/.next`, { recursive: true, force: true })
    await listening.close()
    await network.close()
    await deployment.close()
  })

  /** The session that an answer leaves in the browser: undefined where it sets none, empty where it removes it. */
  const sessionIn = (response: Response) =>
    response.headers
      .getSetCookie()
      .map(line => /^shop-session=([^;]*)/.exec(line)?.[1])
      .find(value => value !== undefined)

  const open = async (path: string, session: string, name: 'application' | 'second' = 'application') => {
    const headers = { cookie: `${COOKIE}=${session}` }
    const response = await fetch(`${originOf(name)}${path}`, { headers, redirect: 'manual' })
    return { status: response.status, text: await response.text(), session: sessionIn(response) }
  }

  /** A person who has signed in on the pages of Signet, and the session that the application gave to the browser. */
  const signIn = async () => {
    const email = newEmail()
    const person = createPageVisitor(listening.issuer, { email, password: PASSWORD })
    const auth = `${originOf('application')}/api/auth`
    const { csrfToken }: Readonly<Record<string, unknown>> = Object(
      await (await person.visit(`${auth}/csrf`)).json(),
    )
    const asked = await person.visit(`${auth}/signin/signet`, {
      method: 'POST',
      body: new URLSearchParams({ csrfToken: String(csrfToken) }),
    })
    const request = new URL(asked.headers.get('location') ?? '')
    const answer = await person.visit(await person.authorize(request))
    const session = sessionIn(answer) ?? ''
    const { sub = '' } = await unseal(session)
    return { email, person, request, session, sub, hello: `Hello, ${email}` }
  }

  const unseal = async (session: string) => (await jwtDecrypt(session, KEY)).payload
  const refreshTokenIn = async (session: string | undefined) => (await unseal(session ?? ''))['refresh_token']
  /** The same session when its access token has so many seconds left. */
  const aged = async (session: string, seconds: number) => {
    const expires_at = Math.floor(Date.now() / 1000) + seconds
    const header = { alg: 'dir', enc: 'A256GCM' }
    return new EncryptJWT({ ...(await unseal(session)), expires_at }).setProtectedHeader(header).encrypt(KEY)
  }
  const rotationsOf = async (email: string) => {
    const rows = await deployment.database.sql<{ generation: number }[]>`
      select f.generation from refresh_families f join users u on u.id = f.user_id where u.email = ${email}`
    return rows.map(({ generation }) => generation)
  }

  it('signs a person in with PKCE, state and nonce, and shows on the server who it is', async () => {
    const { request, session, hello } = await signIn()
    for (const name of ['code_challenge', 'state', 'nonce']) expect(request.searchParams.has(name)).toBe(true)
    expect((await open('/', session)).text).toContain(hello)
    expect((await open('/', '')).text).toContain('Sign in')
    expect((await open('/', `${session}x`)).text).toContain('Sign in')
  })

  it('calls the API on the server: no token reaches the page or a script', async () => {
    const { session, sub } = await signIn()
    const orders = await open('/orders', session)
    expect(orders.text).toContain(`The API knows you as ${sub}`)
    const shown = orders.text + (await open('/api/auth/session', session)).text
    expect(shown).not.toMatch(/eyJ|signet_rt_/)
    expect((await open('/orders', '')).status).toBe(307)
  })

  it('refreshes an access token a minute before it expires, and not earlier', async () => {
    const { session, sub } = await signIn()
    const early = await open('/orders', await aged(session, MARGIN_SECONDS + 30))
    expect(early.session).toBeUndefined()
    const due = await open('/orders', await aged(session, MARGIN_SECONDS))
    expect(due.text).toContain(sub)
    expect(await refreshTokenIn(due.session)).not.toBe(await refreshTokenIn(session))
    expect((await unseal(due.session ?? ''))['access_token']).not.toBe(
      (await unseal(session))['access_token'],
    )
  })

  it('keeps the sign-in when many requests in two processes refresh at once, and when an answer is lost', async () => {
    const { email, session, sub } = await signIn()
    const due = await aged(session, 0)
    const pages = await Promise.all(
      Array.from({ length: 12 }, (_, index) => open('/orders', due, index % 2 ? 'second' : 'application')),
    )
    for (const { status, text } of pages) expect([status, text.includes(sub)]).toEqual([200, true])
    const successors = await Promise.all(pages.map(page => refreshTokenIn(page.session)))
    expect(new Set(successors).size).toBe(1)
    // The browser got none of the answers: it comes with the old session.
    const again = await open('/orders', due, 'second')
    expect([again.status, await refreshTokenIn(again.session)]).toEqual([200, successors[0]])
    expect(await rotationsOf(email)).toEqual([1])
    const later = await open('/orders', await aged(again.session ?? '', 0))
    expect(later.text).toContain(sub)
    expect(await rotationsOf(email)).toEqual([2])
  })

  it('keeps the session while Signet does not answer', async () => {
    const { session, sub, hello } = await signIn()
    const due = await aged(session, 0)
    await network.refuse()
    const meanwhile = await open('/', due)
    await network.accept()
    expect([meanwhile.session, meanwhile.text.includes(hello)]).toEqual([undefined, true])
    expect((await open('/orders', due)).text).toContain(sub)
  })

  it('ends the session when the person has withdrawn the consent, and no other one', async () => {
    const [grace, ada] = [await signIn(), await signIn()]
    expect((await grace.person.withdraw('nextjs')).status).toBeLessThan(400)
    const ended = await open('/', await aged(grace.session, 0))
    expect([ended.session, ended.text.includes('Sign in')]).toEqual(['', true])
    expect((await open('/', await aged(ada.session, 0))).text).toContain(ada.hello)
  })

  it('signs a person out whose access token is due, and leaves no session in the browser', async () => {
    const { email, session } = await signIn()
    const left = await fetch(`${originOf('application')}/sign-out`, {
      method: 'POST',
      headers: { cookie: `${COOKIE}=${await aged(session, 0)}` },
      redirect: 'manual',
    })
    expect(left.status).toBe(303)
    const sessions = left.headers.getSetCookie().filter(line => line.startsWith(`${COOKIE}=`))
    // A browser keeps the last one.
    expect(sessions.at(-1)).toMatch(/^shop-session=;.*Max-Age=0/)
    const [family] = await deployment.database.sql`
      select f.revoked_at from refresh_families f join users u on u.id = f.user_id where u.email = ${email}`
    expect(family?.['revoked_at']).toBeInstanceOf(Date)
  })

  it('signs a person out at Signet too, without another question', async () => {
    const { person, request, session } = await signIn()
    const left = await person.visit(`${originOf('application')}/sign-out`, { method: 'POST' })
    const logout = left.headers.get('location') ?? ''
    expect([left.status, sessionIn(left), new URL(logout).origin]).toEqual([303, '', listening.issuer])
    const home = await person.visit(logout)
    expect([home.status, home.headers.get('location')]).toEqual([303, `${originOf('application')}/`])
    const form = { grant_type: 'refresh_token', refresh_token: String(await refreshTokenIn(session)) }
    const headers = { Authorization: `Basic ${btoa(`nextjs:${SECRET}`)}` }
    const { status, body } = await listening.signet.token(form, headers)
    expect([status, body.error]).toEqual([400, 'invalid_grant'])
    // Signet asks who it is again.
    const pages = person.visited.length
    await person.authorize(request)
    expect(person.visited.slice(pages)).toContain('/sign-in')
  })
})
