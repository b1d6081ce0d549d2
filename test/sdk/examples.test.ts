import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { AUDIENCE, createKey, type Issuer, segmentOf, signToken, startIssuer } from '../support/issuer.ts'
import { createProject, type Project, ROOT } from '../support/repository/project.ts'
import { freePort } from '../support/services/services.ts'

type Example = Readonly<{ name: string; command: string; file: string; isThere: boolean }>

const inNode = (name: string): Example => ({
  name,
  command: process.execPath,
  file: `${name}/server.mjs`,
  isThere: true,
})
const python = inject('python')
const EXAMPLES: readonly Example[] = [
  ...['hono', 'express', 'jsonwebtoken', 'express-oauth2-jwt-bearer'].map(inNode),
  { name: 'pyjwt', command: python ?? '', file: 'pyjwt/server.py', isThere: python !== null },
  { name: 'apache', command: 'sh', file: 'apache/start.sh', isThere: inject('has_apache') },
]

/** Starts it as a reader would, and waits until it answers where it says that it listens. */
const start = async (command: string, file: string, environment: Readonly<Record<string, string>>) => {
  const child = spawn(command, [file], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  for await (const line of child.stdout) {
    const url = /http:\/\/\S+/.exec(String(line))?.[0]
    if (url !== undefined) {
      await vi.waitFor(() => fetch(url), { timeout: 20_000 })
      return { child, url }
    }
  }
  throw new Error(`${file} did not start`)
}

const stop = async (child: ChildProcess) => {
  child.kill()
  await once(child, 'exit')
}

describe('examples', () => {
  let project: Project
  let issuer: Issuer
  beforeAll(async () => {
    issuer = await startIssuer()
    project = await createProject()
    await project.link(
      'express',
      'hono',
      '@hono/node-server',
      'jsonwebtoken',
      'jwks-rsa',
      'express-oauth2-jwt-bearer',
    )
    await cp(join(ROOT, 'examples'), join(project.directory, 'examples'), { recursive: true })
  }, 60_000)
  afterAll(async () => {
    await issuer.close()
    await project.remove()
  })

  describe.each(EXAMPLES.filter(({ isThere }) => isThere))('$name', ({ name, command, file }) => {
    let service: Awaited<ReturnType<typeof start>>
    beforeAll(async () => {
      // Apache cannot say which port it was given.
      const PORT = name === 'apache' ? String(await freePort()) : '0'
      const path = join(project.directory, 'examples', file)
      service = await start(command, path, { ISSUER: issuer.issuer, AUDIENCE, PORT })
    }, 30_000)
    afterAll(() => stop(service.child))

    const call = (path: string, token?: string) =>
      fetch(service.url + path, { headers: token === undefined ? {} : { Authorization: `Bearer ${token}` } })
    const issue = (
      claims: Readonly<Record<string, unknown>> = {},
      header: Readonly<Record<string, unknown>> = {},
      key = issuer.keys[0] ?? createKey(),
    ) => signToken(key, issuer.claims(Math.floor(Date.now() / 1000), claims), header)

    it('accepts a genuine token', async () => {
      const response = await call('/orders', await issue())
      expect(response.status).toBe(200)
      expect(await response.json()).toEqual({ sub: 'ada' })
    })

    it('accepts a token for several services', async () => {
      expect((await call('/orders', await issue({ aud: ['https://other.example', AUDIENCE] }))).status).toBe(
        200,
      )
    })

    const refused: readonly (readonly [string, () => Promise<string>])[] = [
      ['for another service', () => issue({ aud: 'https://other.example' })],
      ['of another issuer', () => issue({ iss: 'https://other.example' })],
      ['that has expired', () => issue({ exp: 1_700_000_000, iat: 1_600_000_000 })],
      ['that is an ID token', () => issue({}, { typ: 'JWT' })],
      ['of another algorithm', () => issue({}, { alg: 'RS512' })],
      [
        'without a signature',
        async () =>
          `${segmentOf({ alg: 'none', typ: 'at+jwt' })}.${segmentOf(issuer.claims(Date.now() / 1000))}.`,
      ],
      ['signed by another key', () => issue({}, { kid: issuer.keys[0]?.kid }, createKey())],
      ['signed by another key under its own kid', () => issue({}, {}, createKey())],
      ['that is not a JWT', async () => 'x.y.z'],
    ]
    it.each(refused)('refuses a token %s', async (_, make) => {
      const response = await call('/orders', await make())
      expect(response.status).toBe(401)
      // Apache has no error to name where it was a rule of its configuration that refused.
      expect(response.headers.get('WWW-Authenticate')).toMatch(
        name === 'apache' ? /^Bearer/ : /^Bearer .*invalid_token/,
      )
    })

    it('refuses a request without a token', async () => {
      const response = await call('/orders')
      expect([response.status, response.headers.get('WWW-Authenticate')]).toEqual([
        401,
        expect.stringMatching(/^Bearer/),
      ])
    })
  })
})
