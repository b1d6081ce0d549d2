import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AUDIENCE, createKey, type Issuer, signToken, startIssuer } from '../support/issuer.ts'
import { createProject, type Project, ROOT } from '../support/project.ts'

/** Starts it as a reader would, and waits for the line that says where it listens. */
const start = async (file: string, environment: Readonly<Record<string, string>>) => {
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  for await (const line of child.stdout) {
    const url = /http:\/\/\S+/.exec(String(line))?.[0]
    if (url !== undefined) return { child, url }
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

  describe.each(['hono', 'express', 'jsonwebtoken', 'express-oauth2-jwt-bearer'])('%s', name => {
    let service: Awaited<ReturnType<typeof start>>
    beforeAll(async () => {
      const file = join(project.directory, 'examples', name, 'server.mjs')
      service = await start(file, { ISSUER: issuer.issuer, AUDIENCE, PORT: '0' })
    }, 30_000)
    afterAll(() => stop(service.child))

    const call = (path: string, token?: string) =>
      fetch(service.url + path, { headers: token === undefined ? {} : { Authorization: `Bearer ${token}` } })
    const issue = (
      claims: Readonly<Record<string, unknown>> = {},
      header: Readonly<Record<string, unknown>> = {},
      key = issuer.keys[0] ?? createKey(),
    ) => signToken(key, issuer.claims(Math.floor(Date.now() / 1000), claims), header)

    it('takes a genuine token', async () => {
      const response = await call('/orders', await issue())
      expect(response.status).toBe(200)
      expect(await response.json()).toEqual({ sub: 'ada' })
    })

    it('refuses no token, one for another service, an expired one, an ID token, and a stranger’s', async () => {
      expect((await call('/orders')).status).toBe(401)
      for (const token of [
        await issue({ aud: 'https://other.example' }),
        await issue({ exp: 1_700_000_000, iat: 1_600_000_000 }),
        await issue({}, { typ: 'JWT' }),
        await issue({}, { kid: issuer.keys[0]?.kid }, createKey()),
      ]) {
        const response = await call('/orders', token)
        expect(response.status).toBe(401)
        expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer .*invalid_token/)
      }
    })
  })
})
