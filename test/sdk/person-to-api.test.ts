import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refreshTokens, signUp } from '../support/accounts/account-api.ts'
import { createDataDir } from '../support/backends.ts'
import { becomesReady, openSandbox, type Sandbox } from '../support/process.ts'

/** As README has it: the embedded default, its demo clients, and an example service without any setting of its own but where they are. */
describe('README: a person’s token reaches your API', () => {
  const API = 'http://localhost:3000'
  let signet: Sandbox
  let data: Awaited<ReturnType<typeof createDataDir>>
  let printed = ''
  let service: Readonly<{ child: ChildProcess; url: string }>
  beforeAll(async () => {
    signet = await openSandbox()
    data = await createDataDir()
    const program = signet.start({ DATA_DIR: data.data_dir })
    await becomesReady(program)
    printed = program.err()
    service = await startService(`http://localhost:${signet.port}`)
  })
  afterAll(async () => {
    service.child.kill()
    await once(service.child, 'exit')
    await signet.close()
    data.remove()
  })

  const startService = async (issuer: string) => {
    const { PATH = '', HOME = '' } = process.env
    const child = spawn(process.execPath, [resolve('examples/hono/server.mjs')], {
      env: { PATH, HOME, ISSUER: issuer, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    for await (const line of child.stdout) {
      const url = /http:\/\/\S+/.exec(String(line))?.[0]
      if (url !== undefined) return { child, url }
    }
    throw new Error('the example did not start')
  }
  const orders = async (access_token: string) => {
    const response = await fetch(`${service.url}/orders`, {
      headers: { Authorization: `Bearer ${access_token}` },
    })
    return response.status === 200 ? ((await response.json()) as { sub: string }).sub : response.status
  }

  it('the service accepts the token of the demo client, and so does jose', async () => {
    const [, client_id = '', client_secret = ''] = /Demo client: (\S+), secret (\S+)/.exec(printed) ?? []
    const Authorization = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`
    const form = { grant_type: 'client_credentials', resource: API }
    const { body } = await signet.ask('/token', { form, headers: { Authorization } })
    expect(await orders(body.access_token)).toBe('demo')
    const issuer = `http://localhost:${signet.port}`
    const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
    const options = { algorithms: ['RS256'], typ: 'at+jwt', issuer, audience: API }
    expect((await jwtVerify(body.access_token, keys, options)).payload.sub).toBe('demo')
  })

  it('the service accepts a person’s token, and the same sign-in gets a token for the account API', async () => {
    const opened = await signUp(signet, 'grace@example.com', { client_id: 'demo-app' })
    expect(await orders(opened.access_token)).toBe(opened.user.id)
    expect((await signet.ask('/auth/me', { token: opened.access_token })).status).toBe(401)
    const resource = `http://localhost:${signet.port}`
    const { body: own } = await refreshTokens(signet, opened, { resource })
    expect((await signet.ask('/auth/me', { token: own.access_token })).body).toEqual(opened.user)
    expect(await orders(own.access_token)).toBe(401)
    const { body: next } = await refreshTokens(signet, own)
    expect(await orders(next.access_token)).toBe(opened.user.id)
  })
})
