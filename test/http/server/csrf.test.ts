import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newAddress, newEmail, PASSWORD } from '../../support/call.ts'
import { basic, CLIENTS, SERVICE } from '../../support/clients.ts'
import { type Deployment, ISSUER, openDeployment } from '../../support/deployment.ts'
import { type Listening, listenForAccounts } from '../../support/listen.ts'
import { openapi } from '../../support/openapi.ts'

const THIRD = {
  client_id: 'third',
  token_endpoint_auth_method: 'none',
  grant_types: ['refresh_token'],
  redirect_uris: ['https://third.example/callback'],
}

/** What a browser sends for a page that is none of ours. */
const FOREIGN: readonly Readonly<Record<string, string>>[] = [
  { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' },
  { Origin: 'https://evil.example' },
  { Origin: 'null' },
  { Origin: 'null', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' },
  { Origin: 'https://app.example.evil.example', 'Sec-Fetch-Site': 'cross-site' },
  { Origin: 'https://sibling.example', 'Sec-Fetch-Site': 'same-site' },
  { 'Sec-Fetch-Site': 'cross-site' },
  { 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'no-cors' },
  // A third party's client is a stranger to the account API.
  { Origin: 'https://third.example', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' },
]

/** What a browser sends for a page of ours, and what programs send. */
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
    server = await listenForAccounts(deployment, { environment })
  })
  afterAll(async () => {
    await server.close()
    await deployment.close()
  })
  const json = { email: 'nobody@example.com', password: PASSWORD }
  const limitsOf = async (from: string) => {
    const { headers } = await server.call('/auth/login', { json, from })
    return headers.get('ratelimit')?.replaceAll(/;t=\d+/g, '')
  }

  it.each(OPERATIONS)('is refused at %s %s, and spends nothing of its visitor', async (method, path) => {
    const from = newAddress()
    for (const headers of FOREIGN) {
      const raw = method === 'POST' ? { raw: '{}' } : {}
      const answer = await server.call(path, { method, ...raw, from, headers })
      expect([headers, answer.status, answer.body.code]).toEqual([headers, 403, 'ORIGIN_NOT_ALLOWED'])
      expect(answer.headers.get('ratelimit')).toBeNull()
    }
    expect(await limitsOf(from)).toBe('"accounts";r=99, "login";r=4')
  })

  it.each(OWN)('is not what sends %o', async headers => {
    const from = newAddress()
    expect((await server.call('/auth/login', { json, from, headers })).status).toBe(401)
    expect((await server.call('/auth/me', { from, headers })).status).toBe(401)
  })

  it('spends nothing by forms, whatever type they say they have', async () => {
    const from = newAddress()
    const [headers] = FOREIGN
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
      for (let turn = 0; turn < 10; turn++) {
        const more = { ...headers, 'Content-Type': type }
        expect((await server.call('/auth/login', { raw: '{}', from, headers: more })).status).toBe(403)
      }
    expect(await limitsOf(from)).toBe('"accounts";r=99, "login";r=4')
  })

  it('keeps its visitor from no sign-in, and is counted no more than anybody who only looks', async () => {
    const person = { email: newEmail(), password: PASSWORD }
    const from = newAddress()
    expect((await server.call('/auth/register', { json: person })).status).toBe(201)
    await Promise.all(
      Array.from({ length: 150 }, (_, turn) =>
        server.call('/auth/login', { json, from, headers: FOREIGN[turn % FOREIGN.length] ?? {} }),
      ),
    )
    expect((await server.call('/auth/login', { json: person, from })).status).toBe(200)
  })

  describe.each(['/confirm-email', '/reset-password'])('at the form of %s', path => {
    it('is refused by a page, and spends nothing; our own form is taken', async () => {
      const from = newAddress()
      const form = { token: 'x', new_password: PASSWORD }
      for (const headers of FOREIGN.filter(each => each['Origin'] !== 'https://third.example')) {
        const answer = await server.call(path, { form, from, headers })
        expect([headers, answer.status]).toEqual([headers, 403])
        expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
      }
      expect(await limitsOf(from)).toBe('"accounts";r=99, "login";r=4')
      for (const headers of OWN) expect((await server.call(path, { form, from, headers })).status).toBe(400)
      // The link in a mail is followed from anywhere, and judged for itself.
      const followed = { from, headers: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' } }
      expect((await server.call(`${path}?token=x`, followed)).status).toBe(400)
    })
  })

  it('spends no failed client authentications of its visitor, and is limited itself', async () => {
    const from = newAddress()
    const form = { grant_type: 'client_credentials', token: 'x' }
    const wrong = basic('service', 'wrong')
    for (const path of ['/token', '/revoke', '/introspect'])
      for (const headers of FOREIGN.slice(0, 3))
        await server.call(path, { form, from, headers: { ...wrong, ...headers } })
    const page = { form, from, headers: { ...SERVICE, ...FOREIGN[0] } }
    expect((await server.call('/token', page)).status).toBe(429)
    expect((await server.call('/token', { form, from, headers: SERVICE })).status).toBe(200)
    // A page of a registered client is not taken for a stranger's.
    const third = { Origin: 'https://third.example', 'Sec-Fetch-Site': 'cross-site' }
    expect((await server.call('/token', { form, from, headers: { ...SERVICE, ...third } })).status).toBe(200)
    for (let turn = 0; turn < 6; turn++) await server.call('/token', { form, from, headers: wrong })
    expect((await server.call('/token', { form, from, headers: SERVICE })).status).toBe(429)
  })
})

describe('a request that cannot be carried out', () => {
  let deployment: Deployment
  let server: Listening
  beforeAll(async () => {
    deployment = await openDeployment()
    server = await listenForAccounts(deployment, { environment: { RATE_LIMIT_ACCOUNTS: '20/60' } })
  })
  afterAll(async () => {
    await server.close()
    await deployment.close()
  })
  const fields = { email: 'nobody@example.com', password: PASSWORD }
  const bad: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['a client that is none', { json: { ...fields, client_id: 'nobody' } }],
    ['half a body', { raw: '{"email":' }],
    ['a missing field', { json: { email: fields.email } }],
    ['another type', { raw: '{}', headers: { 'Content-Type': 'text/plain' } }],
    ['a transport that is none', { json: { ...fields, refresh_transport: 'pigeon' } }],
  ]
  const PATHS = ['/auth/login', '/auth/register', '/auth/login/passkey/options']

  it.each(bad)('spends no sign-in: %s', async (_, request) => {
    const from = newAddress()
    for (const path of PATHS) {
      const answer = await server.call(path, { from, ...request })
      if (answer.status < 400) continue
      expect(answer.headers.get('ratelimit-policy')).toBe('"accounts";q=20;w=60')
    }
    const { headers } = await server.call('/auth/login', { json: fields, from })
    expect(headers.get('ratelimit')).toContain('"login";r=')
    expect((await server.call('/auth/login', { json: fields, from })).status).toBe(401)
  })

  it('is bounded by the limit of the whole', async () => {
    const from = newAddress()
    const ask = async () => (await server.call('/auth/login', { raw: '{', from })).status
    const statuses = await Promise.all(Array.from({ length: 30 }, ask))
    expect(statuses.filter(status => status === 400)).toHaveLength(20)
    expect(statuses.filter(status => status === 429)).toHaveLength(10)
    expect((await server.call('/auth/login', { json: fields })).status).toBe(401)
  })

  it('of which the right form reaches the password is counted as ever', async () => {
    const from = newAddress()
    const statuses: number[] = []
    for (let turn = 0; turn < 6; turn++)
      statuses.push((await server.call('/auth/login', { json: fields, from })).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
  })
})
