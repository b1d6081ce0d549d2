import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PROBLEMS } from '../src/domain/refusals/problem-codes.ts'
import { type Deployment, type Instance, ISSUER, openEmbeddedDeployment } from './support/deployment.ts'
import { judgeExchange, openapi, prefilled } from './support/openapi.ts'

const methodsOf = (path: object) => Object.keys(path).filter(key => key !== 'servers')

describe('openapi.yaml', () => {
  let deployment: Deployment
  let signet: Instance
  const mails: string[] = []
  beforeAll(async () => {
    deployment = await openEmbeddedDeployment()
    const printMail = (text: string) => void mails.push(text)
    signet = await deployment.start({ environment: { RATE_LIMIT_MAIL: 'off', CLIENTS_FILE: '' }, printMail })
  })
  afterAll(() => deployment.close())
  const fetch = (path: string, init?: RequestInit) => signet.listenable(new Request(`${ISSUER}${path}`, init))

  it('has every route, and no other', () => {
    // OPTIONS and 405 are the same for every path, and described once.
    const served = new Set(
      [...signet.app.routes, ...(signet.internalApp?.routes ?? [])]
        .filter(route => route.method !== 'ALL' && route.method !== 'OPTIONS')
        .map(route => `${route.method} ${route.path.replaceAll(/:(\w+)/g, '{$1}')}`),
    )
    const described = Object.entries(openapi.paths).flatMap(([path, methods]) =>
      methodsOf(methods).map(method => `${method.toUpperCase()} ${path}`),
    )
    expect(described.toSorted()).toEqual([...served].toSorted())
  })

  it('has no member beside a reference, and no default: clients that are generated drop the one and demand the other', () => {
    const walk = (node: unknown, at: string): readonly string[] => {
      if (typeof node !== 'object' || node === null) return []
      const faults = ['$ref' in node && Object.keys(node).length > 1, 'default' in node && 'type' in node]
      const own = faults.includes(true) ? [at] : []
      return [...own, ...Object.entries(node).flatMap(([name, each]) => walk(each, `${at}/${name}`))]
    }
    expect(walk(openapi, '#')).toEqual([])
  })

  it('has an example of every request body, which its schema takes', () => {
    expect(prefilled().length).toBeGreaterThan(20)
    expect(prefilled().filter(({ example, fault }) => example === undefined || fault !== null)).toEqual([])
  })

  it('prefills requests that are carried out: "Execute" at /docs', async () => {
    const { demo } = signet
    if (demo === null) throw new Error('the embedded default has a demo client')
    const basic = `Basic ${Buffer.from(`${demo.client_id}:${demo.client_secret}`).toString('base64')}`
    const execute = async (name: string, authorization?: string) => {
      const [method = '', path = ''] = name.split(' ')
      const { type, example } = prefilled().find(each => each.name === name) ?? {}
      const isForm = type === 'application/x-www-form-urlencoded'
      const body = isForm ? new URLSearchParams(Object.entries(Object(example))) : JSON.stringify(example)
      const headers = { 'content-type': type ?? '', ...(authorization ? { authorization } : {}) }
      return fetch(path, { method, headers, ...(example === undefined ? {} : { body: String(body) }) })
    }
    for (const path of ['/token', '/revoke', '/introspect'])
      expect((await execute(`POST ${path}`, basic)).status).toBe(200)
    expect((await execute('POST /auth/register')).status).toBe(201)
    const signedIn = await execute('POST /auth/login')
    expect(signedIn.status).toBe(200)
    const { access_token } = (await signedIn.json()) as Record<string, string>
    const bearer = `Bearer ${access_token}`
    expect((await execute('POST /auth/login/passkey/options')).status).toBe(200)
    expect((await execute('POST /auth/password/forgot')).status).toBe(202)
    expect((await execute('POST /auth/email', bearer)).status).toBe(202)
    expect((await execute('POST /auth/factors/totp', bearer)).status).toBe(200)
    expect((await execute('POST /auth/password', bearer)).status).toBe(204)
    expect((await execute('POST /auth/logout', bearer)).status).toBe(204)
  })

  it('names every problem code', () => {
    expect(openapi).toHaveProperty('components.schemas.Problem.properties.code.enum', Object.keys(PROBLEMS))
  })

  it('is served, and as a page whose files come from here', async () => {
    const yaml = await fetch('/openapi.yaml')
    expect(await yaml.text()).toContain('openapi: 3.1')
    const page = await (await fetch('/docs')).text()
    const files = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(match => match[1] ?? '')
    expect(files).toHaveLength(3)
    expect(page).not.toMatch(/https?:|\/\/\w/)
    for (const file of files) expect((await fetch(file)).status).toBe(200)
    expect((await fetch('/docs/package.json')).status).toBe(404)
  })

  it('lets the page load nothing from elsewhere', async () => {
    const policy = (await fetch('/docs')).headers.get('content-security-policy')
    expect(policy).toMatch(/^default-src 'none'; script-src 'self';/)
    expect(policy).not.toContain('http')
  })

  it('describes a refusal of every endpoint', async () => {
    for (const [path, methods] of Object.entries(openapi.paths)) {
      for (const method of methodsOf(methods))
        await fetch(path.replace('{file}', 'none'), { method: method.toUpperCase() })
      const other = ['PATCH', 'PUT'].find(method => !methodsOf(methods).includes(method.toLowerCase())) ?? ''
      expect((await fetch(path, { method: other })).status).toBe('servers' in methods ? 404 : 405)
    }
    expect((await fetch('/nothing')).status).toBe(404)
  })

  it('describes a sign-in and its end', async () => {
    const headers = { 'content-type': 'application/json' }
    const post = (path: string, body: object, more: Record<string, string> = {}) =>
      fetch(path, { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) })
    const credentials = { email: 'a@b.example', password: 'correct horse' }
    const opened = await post('/auth/register', credentials)
    expect(opened.status).toBe(201)
    expect((await post('/auth/register', credentials)).status).toBe(409)
    expect((await post('/auth/register', { email: 'a' })).status).toBe(422)
    const { refresh_token, access_token } = (await opened.json()) as Record<string, string>
    const authorization = `Bearer ${access_token}`
    expect((await fetch('/auth/me', { headers: { authorization } })).status).toBe(200)
    const patch = { method: 'PATCH', headers: { ...headers, authorization } }
    for (const [name, status] of Object.entries({ '"Ada"': 200, '7': 422 }))
      expect((await fetch('/auth/me', { ...patch, body: `{"name":${name}}` })).status).toBe(status)
    expect((await post('/auth/refresh', { refresh_token })).status).toBe(200)
    expect((await post('/auth/logout', { everywhere: true }, { authorization })).status).toBe(204)
  })

  it('describes the export of an account and its end', async () => {
    const headers = { 'content-type': 'application/json' }
    const credentials = { email: 'c@d.example', password: 'correct horse' }
    const body = JSON.stringify({ ...credentials, refresh_transport: 'cookie' })
    const opened = await fetch('/auth/register', { method: 'POST', headers, body })
    const { access_token } = (await opened.json()) as Record<string, string>
    const authorization = `Bearer ${access_token}`
    const cookie = opened.headers
      .getSetCookie()
      .map(each => each.split(';', 1)[0])
      .join('; ')
    expect((await fetch('/auth/me/export', { headers: { authorization } })).status).toBe(200)
    const end = (current_password: unknown) =>
      fetch('/auth/me', {
        method: 'DELETE',
        headers: { ...headers, authorization, cookie },
        body: JSON.stringify({ current_password }),
      })
    expect((await end(7)).status).toBe(422)
    expect((await end('wrong horse')).status).toBe(401)
    expect((await end(credentials.password)).status).toBe(204)
  })

  it('describes what is asked for by mail and done by link', async () => {
    const headers = { 'content-type': 'application/json' }
    const post = (path: string, body?: object, more: Record<string, string> = {}) =>
      fetch(path, {
        method: 'POST',
        headers: { ...headers, ...more },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    const token = async (purpose: RegExp) => {
      await expect
        .poll(() => mails.filter(mail => purpose.test(mail)).length, { timeout: 5_000 })
        .toBeGreaterThan(0)
      return /signet_el_[\w-]{43}/.exec(mails.findLast(mail => purpose.test(mail)) ?? '')?.[0] ?? ''
    }
    const [email, new_email, password] = ['mail@b.example', 'next@b.example', 'correct horse']
    const opened = await post('/auth/register', { email, password })
    const { access_token } = (await opened.json()) as Record<string, string>
    const authorization = `Bearer ${access_token}`
    expect((await post('/auth/email/verify', { token: await token(/^Mail to mail@/) })).status).toBe(204)
    expect((await post('/auth/email/verification', undefined, { authorization })).status).toBe(202)
    const change = { current_password: password, new_email }
    expect((await post('/auth/email', change, { authorization })).status).toBe(202)
    expect(
      (await post('/auth/email/verify', { token: await token(/^Mail to next@[^]*confirm-email/) })).status,
    ).toBe(204)
    expect((await post('/auth/password/forgot', { email: new_email })).status).toBe(202)
    const reset = { token: await token(/^Mail to next@[^]*reset-password/), new_password: 'battery staple' }
    expect((await post('/auth/password/reset', reset)).status).toBe(204)
    expect((await post('/auth/password/reset', reset)).status).toBe(400)
    expect((await post('/auth/password/reset', {})).status).toBe(422)
  })
})

describe('the check of exchanges', () => {
  const request = () => new Request('http://localhost/livez')
  const headers = {
    'content-type': 'application/json',
    'x-request-id': '01890a5d-ac96-774b-bcce-b302099a8057',
  }
  const judge = (body: string, init: ResponseInit) => judgeExchange(request(), new Response(body, init))

  it('passes what is described', async () => {
    expect(await judge('{"status":"live"}', { headers })).toEqual([])
  })
  it('finds a status, a header and a member that are not', async () => {
    expect(await judge('{}', { status: 418, headers })).toEqual(['the status 418 is not described'])
    expect(await judge('{"status":"live"}', { headers: { 'content-type': 'application/json' } })).toEqual([
      'the header X-Request-Id is missing',
    ])
    expect(await judge('{"status":"live","more":1}', { headers })).toEqual([
      expect.stringContaining('additional properties'),
    ])
  })
  it('finds a request that was accepted and is not described', async () => {
    const grant = new Request('http://localhost/token', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=password',
    })
    const tokens = '{"access_token":"a","token_type":"Bearer","expires_in":1}'
    const answer = new Response(tokens, { headers: { ...headers, 'cache-control': 'no-store' } })
    expect(await judgeExchange(grant, answer)).toEqual([expect.stringContaining('request body')])
  })
})
