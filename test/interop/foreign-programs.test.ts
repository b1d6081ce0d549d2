import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { createPageVisitor } from '../support/authorization/person.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'
import { freePort } from '../support/services/services.ts'

const SECRET = 'a-secret-of-more-than-thirty-two-characters'
const REDIRECT_URI = 'https://notes.example/callback'
const FILES = resolve('test/interop/foreign')
const python = inject('python_authlib')

describe('programs in other languages', () => {
  let deployment: Deployment
  let issuer: string
  let close: () => Promise<void>
  let apache_port: number
  beforeAll(async () => {
    apache_port = await freePort()
    const code = { client_secret: SECRET, grant_types: ['authorization_code', 'refresh_token'] }
    deployment = await openDeployment([
      {
        ...code,
        client_id: 'authlib',
        redirect_uris: [REDIRECT_URI],
        scope: 'openid email offline_access',
        audience: 'https://api.example',
      },
      {
        ...code,
        client_id: 'apache',
        redirect_uris: [`http://127.0.0.1:${apache_port}/callback`],
        scope: 'openid email',
        audience: 'https://api.example',
      },
    ])
    ;({ issuer, close } = await listen(deployment))
  })
  afterAll(async () => {
    await close()
    await deployment.close()
  })

  it.skipIf(python === null)(
    'Authlib signs a person in, validates the ID token, refreshes and revokes',
    async () => {
      const email = newEmail()
      const program = [join(FILES, 'authlib-client.py'), issuer, 'authlib', SECRET, REDIRECT_URI]
      const child = spawn(python ?? '', program, { stdio: ['pipe', 'pipe', 'inherit'] })
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const { value: url = '' } = await lines.next()
      const answer = await createPageVisitor(issuer, { email, password: PASSWORD }).authorize(url)
      child.stdin.end(`${answer.href}\n`)
      const { value: result = '' } = await lines.next()
      expect(JSON.parse(result)).toMatchObject({
        claims: { iss: issuer, aud: 'authlib', email },
        userinfo: { email, email_verified: false },
        revoked: 200,
      })
    },
  )

  describe.skipIf(!inject('has_openidc'))('mod_auth_openidc', () => {
    let directory: string
    let apache: ChildProcess
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'signet-openidc-'))
      await mkdir(join(directory, 'site'))
      await writeFile(join(directory, 'site', 'page'), '<!--#echo var="REMOTE_USER" -->')
      // Started by root, Apache reads its files as another user.
      for (const path of [directory, join(directory, 'site')]) await chmod(path, 0o755)
      const environment = { ISSUER: issuer, PORT: String(apache_port), CLIENT_SECRET: SECRET, RUN: directory }
      apache = spawn('/usr/sbin/apache2', ['-DFOREGROUND', '-f', join(FILES, 'openidc.conf')], {
        env: { ...process.env, ...environment },
        stdio: 'ignore',
      })
      await vi.waitFor(() => fetch(`http://127.0.0.1:${apache_port}/callback`), { timeout: 20_000 })
    })
    afterAll(async () => {
      apache.kill()
      await once(apache, 'exit')
      await rm(directory, { recursive: true, force: true })
    })

    it('opens a page to a person who has signed in', async () => {
      const email = newEmail()
      const person = createPageVisitor(issuer, { email, password: PASSWORD })
      const page = `http://127.0.0.1:${apache_port}/page`
      const answer = await person.visit(await person.authorize(page))
      expect([answer.status, answer.headers.get('location')]).toEqual([302, page])
      expect(await (await person.visit(page)).text()).toBe(email)
    })
  })
})
