import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, symlink } from 'node:fs/promises'
import { createServer, request as send } from 'node:http'
import { join } from 'node:path'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TOKEN_EXCHANGE_GRANT } from '../../src/domain/exchange/token-exchange.ts'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { createPageVisitor } from '../support/authorization/person.ts'
import { CLIENTS, SECRETS } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { closeServer, listenOnLoopback } from '../support/issuer.ts'
import { type Listening, listen } from '../support/listen.ts'
import { createProject, type Project, ROOT } from '../support/repository/project.ts'

/** The flags of each step, as README.md of the example has them. */
const STEPS: readonly Readonly<Record<string, string>>[] = [
  {},
  { ACCEPT_TOKENS: 'true' },
  { ACCEPT_TOKENS: 'true', EXCHANGE_SESSIONS: 'true' },
  { ACCEPT_TOKENS: 'true', EXCHANGE_SESSIONS: 'true', SIGN_IN_AT_SIGNET: 'true' },
  { ACCEPT_TOKENS: 'true', EXCHANGE_SESSIONS: 'true', SIGN_IN_AT_SIGNET: 'true', ENABLE_SESSIONS: 'false' },
]
const LAST = { ...STEPS[4], EXCHANGE_SESSIONS: 'false' }

/** What stands before the application: it sends requests to the versions that run, one after the other, and drains one that is to stop. */
const openFront = async () => {
  const backends: number[] = []
  const open = new Map<number, number>()
  const count = (port: number, change: number) => open.set(port, (open.get(port) ?? 0) + change)
  let turn = 0
  const server = createServer((incoming, outgoing) => {
    const { url: path, method, headers } = incoming
    const port = backends[(turn += 1) % backends.length] ?? 0
    count(port, 1)
    outgoing.on('close', () => count(port, -1))
    const forwarded = send({ host: '127.0.0.1', port, path, method, headers, agent: false }, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.pipe(outgoing)
    })
    forwarded.on('error', () => outgoing.writeHead(502).end())
    incoming.pipe(forwarded)
  })
  const origin = `http://127.0.0.1:${await listenOnLoopback(server)}`
  /** From now on this version alone is asked. Resolves when the others have answered everything. */
  const turnTo = async (next: number) => {
    backends.splice(0, backends.length, next)
    while ([...open].some(([port, requests]) => port !== next && requests > 0))
      await new Promise(resolve => setImmediate(resolve))
  }
  return { origin, backends, turnTo, close: () => closeServer(server) }
}

/** A browser, which keeps cookies. */
const createShopper = (origin: string) => {
  const jar = new Map<string, string>()
  const ask = async (path: string, init: RequestInit = {}) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(origin + path, { ...init, redirect: 'manual', headers: { cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';', 1).join().split(/=(.*)/s)
      if (/expires=thu, 01 jan 1970/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }
  return { jar, ask }
}
type Shopper = ReturnType<typeof createShopper>

describe('examples/migration', () => {
  let project: Project
  let deployment: Deployment
  let signet: Listening
  let front: Awaited<ReturnType<typeof openFront>>
  let running: Readonly<{ child: ChildProcess; port: number }> | null = null
  const people = Array.from({ length: 4 }, () => ({ id: randomUUID(), email: newEmail() }))

  beforeAll(async () => {
    front = await openFront()
    deployment = await openDeployment([
      ...CLIENTS,
      {
        client_id: 'shop',
        client_secret: SECRETS.service,
        grant_types: [TOKEN_EXCHANGE_GRANT, 'authorization_code', 'refresh_token'],
        session_exchange: true,
        scope: 'offline_access orders:read',
        redirect_uris: [`${front.origin}/callback`],
        audience: ['https://shop.example'],
      },
    ])
    const environment = { SESSION_VERIFIER_URL: `${front.origin}/hooks/session`, OUTBOUND_ALLOW: '127.0.0.1' }
    signet = await listen(deployment, { environment })
    for (const { id, email } of people)
      await deployment.database.sql`
        insert into users (id, email, password_digest, roles)
        values (${id}, ${email}, ${hashSync(PASSWORD, 4)}, '{user}')`
    project = await createProject()
    await project.link('express', 'jose')
    const examples = join(project.directory, 'examples')
    for (const name of ['migration', 'hooks'])
      await cp(join(ROOT, 'examples', name), join(examples, name), { recursive: true })
    await mkdir(join(examples, 'node_modules'), { recursive: true })
    await symlink(project.installed, join(examples, 'node_modules/signetd-verify'))
  }, 120_000)
  afterAll(async () => {
    await stop(running)
    await front.close()
    await signet.close()
    await deployment.close()
    await project.remove()
  })

  const start = async (flags: Readonly<Record<string, string>>) => {
    const child = spawn(process.execPath, [join(project.directory, 'examples/migration/server.mjs')], {
      cwd: project.directory,
      env: {
        PATH: process.env['PATH'],
        ...flags,
        ISSUER: signet.issuer,
        AUDIENCE: 'https://shop.example',
        PUBLIC_URL: front.origin,
        CLIENT_SECRET: SECRETS.service,
        PORT: '0',
        USERS: JSON.stringify(
          Object.fromEntries(people.map(({ id, email }) => [email, { id, password: PASSWORD }])),
        ),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    for await (const line of child.stdout) {
      const port = /127\.0\.0\.1:(\d+)/.exec(String(line))?.[1]
      if (port !== undefined) return { child, port: Number(port) }
    }
    throw new Error('the application did not start')
  }
  const stop = async (version: typeof running) => {
    if (version === null) return
    version.child.kill('SIGTERM')
    await once(version.child, 'exit')
  }
  /** The new version takes over from the old one. For a while both answer. */
  const roll = async (flags: Readonly<Record<string, string>>, meanwhile = async () => {}) => {
    const next = await start(flags)
    front.backends.push(next.port)
    await meanwhile()
    await front.turnTo(next.port)
    await stop(running)
    running = next
  }
  const signInBySession = async ({ email }: Readonly<{ email: string }>): Promise<Shopper> => {
    const shopper = createShopper(front.origin)
    const answer = await shopper.ask('/sign-in', {
      method: 'POST',
      body: new URLSearchParams({ email, password: PASSWORD }),
    })
    expect(answer.status).toBe(204)
    return shopper
  }

  it('moves four people forth and back through every step while they keep calling, and signs no one out', {
    timeout: 240_000,
  }, async () => {
    await roll(STEPS[0] ?? {})
    const failures: unknown[] = []
    const calls = { session: 0, token: 0 }
    const over = new AbortController()
    const check = async (expected: string, ask: () => Promise<Response>) => {
      const response = await ask()
      const body: unknown = response.status === 200 ? await response.json() : await response.text()
      const { id, by } = Object(body)
      if (id !== expected) failures.push([response.status, body, expected])
      else if (by === 'token' || by === 'session') calls[by === 'token' ? 'token' : 'session'] += 1
    }
    const keepCalling = async (expected: string, ask: () => Promise<Response>) => {
      while (!over.signal.aborted) await check(expected, ask)
    }
    const shoppers = await Promise.all(people.map(signInBySession))
    const [ada, bob, cleo, late] = shoppers
    if (ada === undefined || bob === undefined || cleo === undefined || late === undefined)
      throw new Error('a person is missing')
    /** Two tabs of each; the last person is away until the end. */
    const active = [ada, bob, cleo].flatMap((shopper, index) => {
      const id = people[index]?.id ?? ''
      return [shopper, shopper].map(tab => keepCalling(id, () => tab.ask('/me')))
    })
    const round = async () => {
      const before = calls.session + calls.token
      while (calls.session + calls.token < before + 24 && failures.length === 0)
        await new Promise(resolve => setImmediate(resolve))
    }
    /** As if the access tokens had expired: every tab refreshes at once. */
    const expire = async () => {
      for (const { jar } of [ada, bob, cleo]) jar.delete('access')
      await round()
    }
    try {
      for (const step of [1, 0, 1, 2, 1, 2, 3, 2, 3]) {
        await roll(STEPS[step] ?? {}, round)
        await round()
        if (step >= 1) await expire()
      }
      const visitor = createPageVisitor(signet.issuer, { email: newEmail(), password: PASSWORD })
      await visitor.visit(await visitor.authorize(`${front.origin}/sign-in`))
      const own = await visitor.visit(`${front.origin}/me`)
      const { id: newcomer } = Object(await own.json())
      expect(people.map(({ id }) => id)).not.toContain(newcomer)
      active.push(keepCalling(newcomer, () => visitor.visit(`${front.origin}/me`)))
      for (const step of [4, 3, 4]) {
        await roll(STEPS[step] ?? {}, round)
        await expire()
      }
      const before = calls.session
      await round()
      expect(calls.session).toBe(before)
      // A person who was away all the while comes back with the session that they had.
      await check(people[3]?.id ?? '', () => late.ask('/me'))
      expect(late.jar.has('refresh')).toBe(true)
      await roll(LAST, round)
      await expire()
      await check(people[3]?.id ?? '', () => late.ask('/me'))
    } finally {
      over.abort()
      await Promise.all(active)
    }
    expect(failures).toEqual([])
    expect(calls.session).toBeGreaterThan(50)
    expect(calls.token).toBeGreaterThan(50)
    const families = await deployment.database.sql<{ user_id: string; families: number }[]>`
      select user_id, count(*)::integer as families
      from refresh_families
      where client_id = 'shop' and revoked_at is null
      group by user_id`
    expect(families.map(each => each.families)).toEqual([1, 1, 1, 1, 1])
    const session = late.jar.get('session')
    expect((await late.ask('/sign-out', { method: 'POST' })).status).toBe(204)
    expect((await late.ask('/me')).status).toBe(401)
    // A copy of the session that was kept from before buys nothing, whatever step is gone back to.
    const thief = createShopper(front.origin)
    thief.jar.set('session', session ?? '')
    await roll(STEPS[2] ?? {})
    expect((await thief.ask('/me')).status).toBe(401)
    expect((await ada.ask('/me')).status).toBe(200)
  })

  it('gives a browser that changes hands to the person who signed in last', async () => {
    await roll(STEPS[2] ?? {})
    const shopper = await signInBySession({ email: people[0]?.email ?? '' })
    expect(await (await shopper.ask('/me')).json()).toEqual({ id: people[0]?.id, by: 'token' })
    const form = new URLSearchParams({ email: people[1]?.email ?? '', password: PASSWORD })
    expect((await shopper.ask('/sign-in', { method: 'POST', body: form })).status).toBe(204)
    for (const _ of [1, 2])
      expect(await (await shopper.ask('/me')).json()).toEqual({ id: people[1]?.id, by: 'token' })
  })

  it('answers only questions that Signet has signed for this URL', async () => {
    await roll(STEPS[2] ?? {})
    const session = (await signInBySession({ email: people[0]?.email ?? '' })).jar.get('session')
    const body = JSON.stringify({ hook: 'session', subject_token: session, client_id: 'shop' })
    for (const signature of ['', 'e30..AA', 'x']) {
      const headers = { 'content-type': 'application/json', 'signet-signature': signature }
      const answer = await fetch(`${front.origin}/hooks/session`, { method: 'POST', headers, body })
      expect([answer.status, await answer.text()]).toEqual([401, 'Unauthorized'])
    }
  })
})
