import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer } from '../../support/answer.ts'
import { CLIENT_CREDENTIALS, SERVICE } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'

const POSTS = ['/token', '/revoke', '/introspect', '/auth/login']
const GETS = ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server', '/livez', '/readyz']

describe('the HTTP around the endpoints', () => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await openDeployment()
    signet = await deployment.start({ environment: { CORS_ORIGINS: 'https://console.example' } })
  })
  afterAll(() => deployment.close())

  describe('RFC 9110 §15.5 – methods and paths', () => {
    it.each(POSTS)('§15.5.6 – answers anything but POST on %s with 405 and Allow', async path => {
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH']) {
        const { status, headers, text } = await signet.fetch(path, { method })
        expect([status, headers.get('allow')]).toEqual([405, 'POST'])
        if (method === 'HEAD') expect(text).toBe('')
      }
    })

    it.each(GETS)('§15.5.6 – answers GET and HEAD on %s, and 405 to others', async path => {
      expect((await signet.fetch(path)).status).toBe(200)
      const head = await signet.fetch(path, { method: 'HEAD' })
      expect([head.status, head.text]).toEqual([200, ''])
      const { status, headers } = await signet.fetch(path, { method: 'POST' })
      expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    })

    it.each(['/Token', '/token/', '/token/x', '/token//', '/.well-known/', '/admin', '/metrics'])(
      '§15.5.5 – answers %j with 404',
      async path => {
        expect((await signet.fetch(path)).status).toBe(404)
      },
    )

    it('has Content-Length: 0 on an answer without a body, except 204', async () => {
      const revoked = await signet.post('/revoke', { token: 'unknown' }, SERVICE)
      expect([revoked.status, revoked.headers.get('content-length')]).toEqual([200, '0'])
      const preflight = await signet.fetch('/token', { method: 'OPTIONS' })
      expect([preflight.status, preflight.headers.get('content-length')]).toEqual([204, null])
    })

    it('§9.3.7 – answers OPTIONS with Allow, and does nothing', async () => {
      const { status, headers, text } = await signet.fetch('/token', { method: 'OPTIONS' })
      expect([status, headers.get('allow'), text]).toEqual([204, 'POST', ''])
    })
  })

  describe('Fetch Standard – CORS', () => {
    const from = (origin: string) => ({ origin })
    const originOf = ({ headers }: Answer) => headers.get('access-control-allow-origin')
    const preflight = (path: string, origin: string, asked?: string) =>
      signet.fetch(path, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          ...(asked === undefined ? {} : { 'access-control-request-headers': asked }),
        },
      })
    const allowedBy = ({ headers }: Answer) => headers.get('access-control-allow-headers')

    it.each([
      'https://app.example',
      'https://console.example',
      'https://inspector.example',
      'http://localhost:6274',
      'null',
      'chrome-extension://abcdef',
    ])(
      'lets %s read the answers of /token and /revoke, refusals included, without credentials',
      async origin => {
        const large = { grant_type: 'x', pad: 'x'.repeat(70_000) }
        const answers = [
          await signet.token(CLIENT_CREDENTIALS, { ...SERVICE, ...from(origin) }),
          await signet.token({ grant_type: 'x' }, from(origin)),
          await signet.post('/revoke', { token: 'x' }, { ...SERVICE, ...from(origin) }),
          await signet.token(large, from(origin)),
          await signet.fetch('/token', { headers: from(origin) }),
          await signet.fetch('/.well-known/nothing', { headers: from(origin) }),
          await preflight('/token', origin),
        ]
        expect(answers.map(({ status }) => status)).toEqual([200, 401, 200, 413, 405, 404, 204])
        for (const answer of answers) {
          expect(originOf(answer)).toBe('*')
          expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
          expect(answer.headers.get('access-control-expose-headers')).toMatch(
            /WWW-Authenticate.*Retry-After.*X-Request-Id.*RateLimit/,
          )
        }
      },
    )

    it.each(['/token', '/revoke', '/.well-known/jwks.json', '/.well-known/oauth-authorization-server'])(
      'allows every request header that a preflight names at %s, for hours',
      async path => {
        const asked =
          'authorization,content-type,traceparent,tracestate,baggage,x-requested-with,x-anything-at-all'
        const answer = await preflight(path, 'https://inspector.example', asked)
        expect([answer.status, originOf(answer), allowedBy(answer)]).toEqual([204, '*', asked])
        expect(answer.headers.get('vary')).toMatch(/access-control-request-headers/i)
        expect(Number(answer.headers.get('access-control-max-age'))).toBeGreaterThanOrEqual(600)
        expect(answer.headers.get('access-control-allow-methods')).toMatch(/POST|GET/)
        const plain = await preflight(path, 'https://inspector.example')
        for (const name of ['Authorization', 'Idempotency-Key', 'traceparent', 'X-Requested-With'])
          expect(allowedBy(plain)).toContain(name)
      },
    )

    it.each([
      'x y',
      'authorization, <script>',
      `x${'y'.repeat(64)}`,
      Array.from({ length: 65 }, (_, index) => `x-${index}`).join(','),
      'a,,b',
      '"authorization"',
      `${' ,'.repeat(2_000)}a`,
    ])('RFC 9110 §5.6.1 – does not repeat a malformed list of headers: %j', async asked => {
      const answer = await preflight('/token', 'https://inspector.example', asked)
      expect(answer.status).toBe(204)
      expect(allowedBy(answer)).toMatch(/^Authorization, Content-Type, /)
    })

    it('lets no page introspect', async () => {
      const answer = await signet.post(
        '/introspect',
        { token: 'x' },
        { ...SERVICE, ...from('https://app.example') },
      )
      expect(originOf(answer)).toBeNull()
    })

    it.each(GETS.slice(0, 2))('lets every origin read %s', async path => {
      expect(originOf(await signet.fetch(path, { headers: from('https://evil.example') }))).toBe('*')
    })
  })

  describe('every answer', () => {
    const answers = () =>
      Promise.all([
        signet.token(CLIENT_CREDENTIALS, SERVICE),
        signet.token({}),
        signet.fetch('/nowhere'),
        signet.fetch('/token'),
        signet.fetch('/token', { method: 'OPTIONS' }),
        signet.fetch('/.well-known/jwks.json'),
        signet.fetch('/readyz'),
        signet.fetch('/auth/me'),
      ])

    it('carries a request id of its own, the one in the log', async () => {
      const all = (await answers()).map(({ headers, body }) => ({
        id: headers.get('x-request-id') ?? '',
        isProbe: body['status'] === 'ready',
      }))
      expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
      for (const { id, isProbe } of all) {
        const lines = signet.lines.filter(line => line['request_id'] === id && line['message'] === 'request')
        expect(lines).toHaveLength(isProbe ? 0 : 1)
      }
    })

    it('does not take a request id from the caller', async () => {
      const { headers } = await signet.token(CLIENT_CREDENTIALS, { ...SERVICE, 'x-request-id': 'mine' })
      expect(headers.get('x-request-id')).not.toBe('mine')
    })

    it('forbids sniffing, framing and the Referer', async () => {
      for (const { headers } of await answers()) {
        expect(headers.get('x-content-type-options')).toBe('nosniff')
        expect(headers.get('referrer-policy')).toBe('no-referrer')
        expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
        expect(headers.get('x-powered-by')).toBeNull()
        expect(headers.get('strict-transport-security')).toBeNull()
      }
    })

    it('has HSTS when the issuer is https', async () => {
      const secure = await deployment.start({ environment: { ISSUER: 'https://id.example' } })
      const { headers } = await secure.fetch('/livez')
      expect(headers.get('strict-transport-security')).toMatch(/^max-age=\d{7,}/)
    })
  })

  it('is one line of the log, with what an operator needs', async () => {
    const { headers } = await signet.token(CLIENT_CREDENTIALS, SERVICE, '192.0.2.7')
    const line = signet.lines.find(line => line['request_id'] === headers.get('x-request-id'))
    expect(line).toEqual({
      level: 'info',
      message: 'request',
      request_id: expect.any(String),
      method: 'POST',
      path: '/token',
      status: 200,
      duration_ms: expect.any(Number),
      ip: '192.0.2.7',
      client_id: 'service',
      grant_type: 'client_credentials',
    })
  })
})
