import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newAddress, newEmail, PASSWORD } from '../../support/ask.ts'
import { basic, CLIENTS, SERVICE } from '../../support/clients.ts'
import { type Deployment, ISSUER, openDeployment } from '../../support/deployment.ts'
import { type Listening, listenWithLimits } from '../../support/listen.ts'
import { openapi } from '../../support/openapi.ts'

const THIRD = {
  client_id: 'third',
  token_endpoint_auth_method: 'none',
  grant_types: ['refresh_token'],
  redirect_uris: ['https://third.example/callback'],
}

/** What a browser sends for a foreign page. */
const FOREIGN: readonly Readonly<Record<string, string>>[] = [
  { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' },
  { Origin: 'https://evil.example' },
  { Origin: 'null' },
  { Origin: 'null', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' },
  { Origin: 'https://app.example.evil.example', 'Sec-Fetch-Site': 'cross-site' },
  { Origin: 'https://sibling.example', 'Sec-Fetch-Site': 'same-site' },
  { 'Sec-Fetch-Site': 'cross-site' },
  { 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'no-cors' },
  // A third-party client is foreign to the account API.
  { Origin: 'https://third.example', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' },
]

/** What a browser sends for an allowed page, and what programs send. */
const OWN: readonly Readonly<Record<string, string>>[] = [
  {},
  { Origin: ISSUER, 'Sec-Fetch-Site': 'same-origin' },
  { Origin: 'null', 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'navigate' },
  { Origin: 'http://127.0.0.1:9999', 'Sec-Fetch-Site': 'same-origin' },
  { Origin: 'https://spa.example', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' },
  { Origin: 'https://app.example', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' },
  { 'Sec-Fetch-Site': 'none' },
]

const OPERATIONS = Object.entries(openapi.paths)
  .filter(([path]) => path.startsWith('/auth/'))
  .flatMap(([path, methods]) =>
    Object.keys(methods).map(method => [method.toUpperCase(), path.replace('{id}', 'x')] as const),
  )

describe('W3C Fetch Metadata §2 – a foreign page', () => {
  let deployment: Deployment
  let server: Listening
  beforeAll(async () => {
    deployment = await openDeployment([...CLIENTS, THIRD])
    const environment = { CORS_ORIGINS: 'https://spa.example', RATE_LIMIT_TOKEN_FAILURES: '5/60' }
    server = await listenWithLimits(deployment, { environment })
  })
  afterAll(async () => {
    await server.close()
    await deployment.close()
  })
  const json = { email: 'nobody@example.com', password: PASSWORD }
  const limitsOf = async (from: string) => {
    const { headers } = await server.ask('/auth/login', { body: json, from })
    return headers.get('ratelimit')?.replaceAll(/;t=\d+/g, '')
  }

  it.each(OPERATIONS)(
    'is refused at %s %s, and counts against no limit of its visitor',
    async (method, path) => {
      const from = newAddress()
      for (const headers of FOREIGN) {
        const raw = method === 'POST' ? { raw: '{}' } : {}
        const answer = await server.ask(path, { method, ...raw, from, headers })
        expect([headers, answer.status, answer.body.code]).toEqual([headers, 403, 'ORIGIN_NOT_ALLOWED'])
        expect(answer.headers.get('ratelimit')).toBeNull()
      }
      expect(await limitsOf(from)).toBe('"accounts";r=99, "login";r=4')
    },
  )

  it.each(OWN)('is not assumed of a request with %o', async headers => {
    const from = newAddress()
    expect((await server.ask('/auth/login', { body: json, from, headers })).status).toBe(401)
    expect((await server.ask('/auth/me', { from, headers })).status).toBe(401)
  })

  it('is refused for a form of any content type, and counts against no limit', async () => {
    const from = newAddress()
    const [headers] = FOREIGN
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
      for (let turn = 0; turn < 10; turn++) {
        const more = { ...headers, 'Content-Type': type }
        expect((await server.ask('/auth/login', { raw: '{}', from, headers: more })).status).toBe(403)
      }
    expect(await limitsOf(from)).toBe('"accounts";r=99, "login";r=4')
  })

  it('does not lock its visitor out of a sign-in', async () => {
    const person = { email: newEmail(), password: PASSWORD }
    const from = newAddress()
    expect((await server.ask('/auth/register', { body: person })).status).toBe(201)
    await Promise.all(
      Array.from({ length: 150 }, (_, turn) =>
        server.ask('/auth/login', { body: json, from, headers: FOREIGN[turn % FOREIGN.length] ?? {} }),
      ),
    )
    expect((await server.ask('/auth/login', { body: person, from })).status).toBe(200)
  })

  describe.each(['/confirm-email', '/reset-password'])('at the page %s', path => {
    it('is refused with a page, and counts against no limit; our own form is accepted', async () => {
      const from = newAddress()
      const form = { token: 'x', new_password: PASSWORD }
      for (const headers of FOREIGN.filter(each => each['Origin'] !== 'https://third.example')) {
        const answer = await server.ask(path, { form, from, headers })
        expect([headers, answer.status]).toEqual([headers, 403])
        expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
      }
      expect(await limitsOf(from)).toBe('"accounts";r=99, "login";r=4')
      for (const headers of OWN) expect((await server.ask(path, { form, from, headers })).status).toBe(400)
      // The link in a mail is followed from anywhere, and judged for itself.
      const followed = { from, headers: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' } }
      expect((await server.ask(`${path}?token=x`, followed)).status).toBe(400)
    })
  })

  it('counts as no failed client authentication of its visitor, and has a limit of its own', async () => {
    const from = newAddress()
    const form = { grant_type: 'client_credentials', token: 'x' }
    const wrong = basic('service', 'wrong')
    for (const path of ['/token', '/revoke', '/introspect'])
      for (const headers of FOREIGN.slice(0, 3))
        await server.ask(path, { form, from, headers: { ...wrong, ...headers } })
    const page = { form, from, headers: { ...SERVICE, ...FOREIGN[0] } }
    expect((await server.ask('/token', page)).status).toBe(429)
    expect((await server.ask('/token', { form, from, headers: SERVICE })).status).toBe(200)
    // A page of a registered client is not foreign.
    const third = { Origin: 'https://third.example', 'Sec-Fetch-Site': 'cross-site' }
    expect((await server.ask('/token', { form, from, headers: { ...SERVICE, ...third } })).status).toBe(200)
    for (let turn = 0; turn < 6; turn++) await server.ask('/token', { form, from, headers: wrong })
    expect((await server.ask('/token', { form, from, headers: SERVICE })).status).toBe(429)
  })
})

describe('a sign-in request that is refused before the password is checked', () => {
  let deployment: Deployment
  let server: Listening
  beforeAll(async () => {
    deployment = await openDeployment()
    server = await listenWithLimits(deployment, { environment: { RATE_LIMIT_ACCOUNTS: '20/60' } })
  })
  afterAll(async () => {
    await server.close()
    await deployment.close()
  })
  const fields = { email: 'nobody@example.com', password: PASSWORD }
  const bad: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['an unknown client', { body: { ...fields, client_id: 'nobody' } }],
    ['half a body', { raw: '{"email":' }],
    ['a missing field', { body: { email: fields.email } }],
    ['another type', { raw: '{}', headers: { 'Content-Type': 'text/plain' } }],
    ['an unknown transport', { body: { ...fields, refresh_transport: 'pigeon' } }],
  ]
  const PATHS = ['/auth/login', '/auth/register', '/auth/login/passkey/options']

  it.each(bad)('counts against no limit of sign-ins: %s', async (_, request) => {
    const from = newAddress()
    for (const path of PATHS) {
      const answer = await server.ask(path, { from, ...request })
      if (answer.status < 400) continue
      expect(answer.headers.get('ratelimit-policy')).toBe('"accounts";q=20;w=60')
    }
    const { headers } = await server.ask('/auth/login', { body: fields, from })
    expect(headers.get('ratelimit')).toContain('"login";r=')
    expect((await server.ask('/auth/login', { body: fields, from })).status).toBe(401)
  })

  it('counts against the limit of the whole account API', async () => {
    const from = newAddress()
    const ask = async () => (await server.ask('/auth/login', { raw: '{', from })).status
    const statuses = await Promise.all(Array.from({ length: 30 }, ask))
    expect(statuses.filter(status => status === 400)).toHaveLength(20)
    expect(statuses.filter(status => status === 429)).toHaveLength(10)
    expect((await server.ask('/auth/login', { body: fields })).status).toBe(401)
  })

  it('counts as a sign-in once its form is right and the password is checked', async () => {
    const from = newAddress()
    const statuses: number[] = []
    for (let turn = 0; turn < 6; turn++)
      statuses.push((await server.ask('/auth/login', { body: fields, from })).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
  })
})
