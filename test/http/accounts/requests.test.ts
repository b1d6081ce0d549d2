import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newEmail, PASSWORD } from '../../support/ask.ts'
import { hasPostgres, hasRedis } from '../../support/backends.ts'
import { type Deployment, openDeployment } from '../../support/deployment.ts'
import { type Listening, listenWithLimits } from '../../support/listen.ts'

const PATHS = ['/auth/register', '/auth/login', '/auth/refresh', '/auth/logout']

describe.skipIf(!hasPostgres || !hasRedis)('a request to the account API', () => {
  let deployment: Deployment
  let server: Listening
  beforeAll(async () => {
    const redirect_uris = ['https://app.example/callback', 'com.example.app:/callback']
    const app = { client_id: 'app', token_endpoint_auth_method: 'none', first_party: true, redirect_uris }
    const third = { ...app, client_id: 'third', first_party: false, grant_types: ['refresh_token'] }
    deployment = await openDeployment([app, { ...third, redirect_uris: ['https://third.example/callback'] }])
    const CORS_ORIGINS = 'https://spa.example, http://localhost:5173'
    server = await listenWithLimits(deployment, { environment: { CORS_ORIGINS } })
  })
  afterAll(async () => {
    await server.close()
    await deployment.close()
  })

  it('is 400 without a body, except at /auth/refresh, where it means the cookie transport', async () => {
    const statusOf = async (path: string) =>
      (await server.ask(path, { raw: '', headers: { 'Content-Length': '0' } })).status
    expect(await statusOf('/auth/login')).toBe(400)
    expect(await statusOf('/auth/register')).toBe(400)
    expect(await statusOf('/auth/refresh')).toBe(401)
  })

  describe.each(PATHS)('POST %s', path => {
    it.each([
      ['{', 'half an object'],
      ['null', 'null'],
      ['"email"', 'a string'],
      ['7', 'a number'],
      ['[]', 'an array'],
      ['[{"email":"a@example.com"}]', 'an array of one'],
      ['{"email":"a@example.com",}', 'a trailing comma'],
      ["{'email':'a@example.com'}", 'single quotes'],
      ['email=a%40example.com', 'a form'],
      ['['.repeat(60_000), 'deep nesting that does not end'],
      [`${'['.repeat(30_000)}${']'.repeat(30_000)}`, 'deep nesting'],
    ])('answers 400 to the body %j (%s)', async raw => {
      const { status, headers, body } = await server.ask(path, {
        raw,
        headers: { 'Content-Length': String(Buffer.byteLength(raw)) },
      })
      if (raw === '' && path === '/auth/logout') return expect(status).toBe(401)
      expect({ status, code: body.code }).toEqual({ status: 400, code: 'REQUEST_MALFORMED' })
      expect(headers.get('content-type')).toBe('application/problem+json')
      return undefined
    })

    it.each([
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/jsonp',
      'text/json',
    ])('answers 415 to %s, which a foreign page may send without a preflight', async type => {
      const { status, body } = await server.ask(path, { raw: '{}', headers: { 'Content-Type': type } })
      expect({ status, code: body.code }).toEqual({ status: 415, code: 'CONTENT_TYPE_UNSUPPORTED' })
    })

    it('accepts a charset parameter in any case', async () => {
      const headers = { 'Content-Type': 'Application/JSON; charset=utf-8' }
      expect([401, 422]).toContain((await server.ask(path, { raw: '{}', headers })).status)
    })

    it('answers 413 beyond 64 KiB, with and without Content-Length, and reads 64 KiB', async () => {
      const sized = (bytes: number) => `{"pad":"${'x'.repeat(bytes - 10)}"}`
      const { status, headers, body } = await server.ask(path, { raw: sized(65_537) })
      expect({ status, code: body.code }).toEqual({ status: 413, code: 'PAYLOAD_TOO_LARGE' })
      expect(headers.get('connection')).toBe('close')
      expect([401, 422]).toContain((await server.ask(path, { raw: sized(65_536) })).status)
      const chunked = (bytes: number) =>
        fetch(server.origin + path, {
          method: 'POST',
          headers: {
            'Content-Type': 'application/json',
            'X-Forwarded-For': `10.200.0.${PATHS.indexOf(path)}`,
          },
          body: new Blob([sized(bytes)]).stream(),
          duplex: 'half',
        })
      expect((await chunked(65_537)).status).toBe(413)
      expect([401, 422]).toContain((await chunked(65_536)).status)
    })

    it('answers 405 with Allow to other methods', async () => {
      const { status, headers, body } = await server.ask(path, { method: 'GET' })
      expect({ status, code: body.code }).toEqual({ status: 405, code: 'METHOD_NOT_ALLOWED' })
      expect(headers.get('allow')).toBe('POST')
    })
  })

  it('is 400 when its body is not UTF-8', async () => {
    const response = await fetch(`${server.origin}/auth/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: Buffer.from('{"email":"\xff\xfe@example.com","password":"12345678"}', 'latin1'),
    })
    expect(response.status).toBe(400)
  })

  it('is no fault of the server when its client leaves within the body', async () => {
    const before = server.lines.length
    for (const head of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
      const socket = connect(server.port, '127.0.0.1').on('error', () => {})
      await once(socket, 'connect')
      const body = head.startsWith('T') ? '5\r\n{"a":' : '{"a":'
      socket.write(
        `POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${head}\r\n\r\n${body}`,
      )
      await server.ask('/livez')
      socket.destroy()
    }
    const lines = () => server.lines.slice(before).filter(line => line['path'] === '/auth/login')
    await expect.poll(() => lines().length).toBe(2)
    expect(server.lines.slice(before).filter(({ level }) => level === 'error')).toEqual([])
  })

  it('is authenticated after its whole body has come, so that a token that was ended meanwhile is refused', async () => {
    const person = { email: newEmail(), password: PASSWORD }
    const { access_token } = (await server.ask('/auth/register', { body: person })).body
    const body = JSON.stringify({ current_password: PASSWORD, new_password: `${PASSWORD} of a thief` })
    const socket = connect(server.port, '127.0.0.1')
    const answered = text(socket)
    socket.write(
      `POST /auth/password HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${access_token}\r\nConnection: close\r\n`,
    )
    socket.write(`Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body[0]}`)
    // This is answered after the first half has come, on any connection.
    await server.ask('/livez')
    expect((await server.ask('/auth/logout', { method: 'POST', token: access_token })).status).toBe(204)
    socket.write(body.slice(1))
    expect(await answered).toMatch(/^HTTP\/1\.1 401 /)
    expect((await server.ask('/auth/login', { body: person })).status).toBe(200)
  })

  it('is a 404 problem at an unknown path (RFC 9457 §3)', async () => {
    const { status, headers, body } = await server.ask('/auth/nothing')
    expect({ status, code: body.code }).toEqual({ status: 404, code: 'NOT_FOUND' })
    expect(headers.get('content-type')).toBe('application/problem+json')
  })

  it('is a page at an unknown path for a browser, with the reference that the log has', async () => {
    const { status, headers, text } = await server.ask('/error', { headers: { Accept: 'text/html,*/*' } })
    expect([status, headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8'])
    expect(text).toContain('There is no such page')
    expect(text).toContain(headers.get('x-request-id') ?? 'none')
    const posted = await server.ask('/error', { body: {}, headers: { Accept: 'text/html' } })
    expect([posted.status, posted.body.code]).toEqual([404, 'NOT_FOUND'])
  })

  it('is answered with security headers and a request id that the server made', async () => {
    const { headers } = await server.ask('/auth/me', { headers: { 'X-Request-Id': 'mine' } })
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(headers.get('x-powered-by')).toBeNull()
    expect(server.lines.at(-1)).toMatchObject({ request_id: headers.get('x-request-id'), path: '/auth/me' })
  })

  describe('from a browser (CORS)', () => {
    const preflight = (origin: string, path = '/auth/login') =>
      server.ask(path, {
        method: 'OPTIONS',
        headers: {
          Origin: origin,
          'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': 'content-type',
        },
      })

    it.each(['https://spa.example', 'http://localhost:5173', 'https://app.example'])(
      'is allowed from %s, with credentials',
      async origin => {
        const { status, headers } = await preflight(origin)
        expect(status).toBe(204)
        expect(headers.get('access-control-allow-origin')).toBe(origin)
        expect(headers.get('access-control-allow-methods')).toContain('POST')
        expect(headers.get('access-control-allow-headers')).toMatch(/content-type/i)
        const answer = await server.ask('/auth/me', { headers: { Origin: origin } })
        expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
        expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
        expect(answer.headers.get('access-control-expose-headers')).toMatch(/retry-after/i)
        expect(answer.headers.get('vary')).toBe('Origin')
      },
    )

    it.each([
      'https://evil.example',
      'https://spa.example.evil.example',
      'https://evilspa.example',
      'http://spa.example',
      'https://spa.example:8443',
      'https://SPA.example',
      'com.example.app://',
      'null',
      '*',
      '',
    ])('is not allowed from %j', async origin => {
      for (const { headers } of [
        await preflight(origin),
        await server.ask('/auth/me', { headers: { Origin: origin } }),
      ]) {
        expect(headers.get('access-control-allow-origin')).toBeNull()
        expect(headers.get('access-control-allow-credentials')).toBeNull()
        expect(headers.get('vary')).toBe('Origin')
      }
    })

    it.each([
      'authorization',
      'content-type',
      'traceparent',
      'tracestate',
      'baggage',
      'x-requested-with',
      'idempotency-key',
    ])('may send the header %s', async name => {
      const { headers } = await preflight('https://spa.example')
      const allowed = headers.get('access-control-allow-headers')?.toLowerCase().split(', ')
      expect(allowed).toContain(name)
    })

    it('lets a first-party client read refusals of every kind', async () => {
      const headers = { Origin: 'https://app.example' }
      const large = JSON.stringify({ pad: 'x'.repeat(70_000) })
      const from = '192.0.2.55'
      const answers = [
        await server.ask('/auth/login', { raw: '{', headers }),
        await server.ask('/auth/login', { raw: large, headers }),
        await server.ask('/auth/login', { method: 'PUT', headers }),
        await server.ask('/auth/nothing', { headers }),
        await server.ask('/auth/me', { headers }),
        await server.ask('/auth/login', {
          raw: '{}',
          headers: { ...headers, 'Content-Type': 'text/plain' },
        }),
      ]
      for (let turn = 0; turn < 101; turn++) await server.ask('/auth/me', { from, headers })
      answers.push(await server.ask('/auth/me', { from, headers }))
      expect(answers.map(({ status }) => status)).toEqual([400, 413, 405, 404, 401, 415, 429])
      for (const answer of answers) {
        expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example')
        expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
        expect(answer.headers.get('access-control-expose-headers')).toContain('Retry-After')
      }
    })

    it('lets a third-party client read nothing of the account API', async () => {
      const { headers } = await preflight('https://third.example')
      expect(headers.get('access-control-allow-origin')).toBeNull()
    })

    it('may read the keys and the metadata from any origin, without credentials', async () => {
      for (const path of ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server']) {
        const { headers } = await server.ask(path, { headers: { Origin: 'https://evil.example' } })
        expect(headers.get('access-control-allow-origin')).toBe('*')
        expect(headers.get('access-control-allow-credentials')).toBeNull()
      }
    })
  })
})
