import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askApp } from '../../support/bindings.ts'
import { type Deployment, type Instance, openEmbeddedDeployment } from '../../support/deployment.ts'
import { freePort } from '../../support/services/services.ts'

const json = { 'content-type': 'application/json' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }

describe('GET /metrics', () => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await openEmbeddedDeployment([])
    const environment = {
      // No Redis listens there: the start is degraded.
      REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
      RATE_LIMIT_LOGIN: '1/60',
      RATE_LIMIT_TOKEN_FAILURES: '1/60',
    }
    signet = await deployment.start({ environment })
  })
  afterAll(() => deployment.close())
  const internal = (path: string, init?: RequestInit) => {
    if (signet.internalApp === null) throw new Error('there is no internal listener')
    return askApp(signet.internalApp, path, init)
  }
  const scrape = async () => (await internal('/metrics')).text()
  const valueOf = async (series: string): Promise<number | null> => {
    const line = (await scrape()).split('\n').find(one => one.startsWith(`${series} `))
    return line === undefined ? null : Number(line.slice(series.length + 1))
  }
  const post = (path: string, body: object) =>
    askApp(signet.app, path, { method: 'POST', headers: json, body: JSON.stringify(body) })

  it('is served by the internal listener only', async () => {
    expect((await askApp(signet.app, '/metrics')).status).toBe(404)
    const answer = await internal('/metrics')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    expect((await internal('/token', { method: 'POST' })).status).toBe(404)
    expect((await internal('/livez')).status).toBe(200)
    expect((await internal('/readyz')).status).toBe(200)
  })

  it('has the version of the build', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(await valueOf(`signet_build_info{version="${version}"}`)).toBe(1)
  })

  it('has every series of a refresh before the first one', async () => {
    for (const verdict of ['rotated', 'reused', 'forged'])
      expect(await valueOf(`signet_refreshes_total{verdict="${verdict}"}`)).toBe(0)
  })

  it('counts requests and their duration by route, method and status', async () => {
    await askApp(signet.app, '/livez')
    await askApp(signet.app, '/livez', { method: 'HEAD' })
    expect(await valueOf('signet_requests_total{route="/livez",method="GET",status="200"}')).toBe(1)
    expect(await valueOf('signet_request_duration_seconds_count{route="/livez"}')).toBe(2)
  })

  it('makes no series from a caller’s input', async () => {
    const before = (await scrape()).split('\n').length
    for (const path of ['/a', '/b', '/docs/x/y']) await askApp(signet.app, path)
    await askApp(signet.app, '/livez', { method: 'BREW' })
    await askApp(signet.app, '/livez', { method: 'STEEP' })
    const text = await scrape()
    expect(text).toContain('signet_requests_total{route="unmatched",method="GET",status="404"}')
    expect(text).toContain('signet_requests_total{route="/livez",method="other",status="405"} 2')
    // One series each, and the histogram of requests without a route.
    expect(text.split('\n').length - before).toBeLessThan(20)
  })

  it('counts tokens by grant, verdicts, and refusals of limits', async () => {
    const opened = await post('/auth/register', { email: 'a@b.example', password: 'correct horse' })
    const { refresh_token } = (await opened.json()) as Record<string, string>
    await post('/auth/refresh', { refresh_token })
    await post('/auth/refresh', { refresh_token })
    const token = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh_token ?? '' })
    token.set('client_id', 'first-party')
    await askApp(signet.app, '/token', { method: 'POST', headers: form, body: token })
    expect(await valueOf('signet_tokens_issued_total{grant="sign_in"}')).toBe(1)
    expect(await valueOf('signet_tokens_issued_total{grant="refresh_token"}')).toBe(1)
    expect(await valueOf('signet_refreshes_total{verdict="rotated"}')).toBe(1)
    expect(await valueOf('signet_refreshes_total{verdict="reused"}')).toBe(1)
    expect(await valueOf('signet_refreshes_total{verdict="denied"}')).toBe(1)
    for (const _ of [1, 2, 3]) await post('/auth/login', { email: 'a@b.example', password: 'wrong' })
    expect(await valueOf('signet_limit_hits_total{limit="login"}')).toBe(2)
    const wrong = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'nobody' })
    for (const _ of [1, 2, 3])
      await askApp(signet.app, '/token', { method: 'POST', headers: form, body: wrong })
    expect(await valueOf('signet_limit_hits_total{limit="token-failures"}')).toBe(2)
  })

  it('shows degraded services, queues and keys', async () => {
    expect(await valueOf('signet_redis_up')).toBe(0)
    expect(await valueOf('signet_database_up')).toBe(1)
    expect(await valueOf('signet_database_connections_max')).toBe(1)
    expect(await valueOf('signet_database_statements_waiting')).toBe(0)
    expect(await valueOf('signet_passwords_waiting')).toBe(0)
    expect(await valueOf('signet_keys_read_only')).toBe(0)
    expect(await valueOf('signet_signing_keys{state="signing"}')).toBe(1)
    expect(await valueOf('signet_key_rotation_warning')).toBe(0)
    expect(await valueOf('signet_key_rotation_due_seconds')).toBeGreaterThan(29 * 86_400)
    expect(await valueOf('signet_signing_key_age_seconds')).toBeLessThan(60)
    expect(await valueOf('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThanOrEqual(0)
  })

  it('has every metric that docs/deploy.md names', async () => {
    const page = readFileSync('docs/deploy.md', 'utf8')
    const named = new Set([...page.matchAll(/`((?:signet|nodejs)_\w+)/g)].map(match => match[1] ?? ''))
    const text = await scrape()
    expect(named.size).toBeGreaterThan(8)
    expect([...named].filter(name => !text.includes(`# TYPE ${name} `))).toEqual([])
  })

  it('holds no secret', async () => {
    expect(await scrape()).not.toMatch(/eyJ|example|127\.0\.0\.1/)
  })
})
