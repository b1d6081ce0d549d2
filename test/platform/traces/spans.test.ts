import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refreshTokens, signIn, signUp, trySignIn } from '../../support/accounts/account-api.ts'
import { PASSWORD } from '../../support/ask.ts'
import { basic, CLIENT_CREDENTIALS, SERVICE } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { type CollectedSpan, type Collector, openCollector } from '../../support/services/collector.ts'

let deployment: Deployment
let collector: Collector
let instance: Instance

beforeAll(async () => {
  collector = await openCollector()
  deployment = await openDeployment()
  instance = await deployment.start({
    environment: {
      ...collector.environment,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,team=identity%2Caccess',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=one%20two',
    },
  })
})
afterAll(async () => {
  await deployment.close()
  await collector.close()
})

/** Hexadecimal digits of a caller's trace, another one each time. */
let callers = 0
const nextTrace = () => (++callers).toString(16).padStart(32, 'a')
const PARENT = 'b'.repeat(16)
const sentBy = (traceId: string, flags = '01') => ({ traceparent: `00-${traceId}-${PARENT}-${flags}` })

const rootOf = (spans: readonly CollectedSpan[]) => spans.find(({ kind }) => kind === 'server')
const namesOf = (spans: readonly CollectedSpan[]) => spans.map(({ name }) => name)

describe('the span of a request', () => {
  it('continues the trace of its caller, and says what the route and the answer were', async () => {
    const traceId = nextTrace()
    const answer = await instance.token(CLIENT_CREDENTIALS, { ...SERVICE, ...sentBy(traceId) })
    expect(answer.status).toBe(200)
    const spans = await collector.trace(traceId)
    expect(rootOf(spans)).toMatchObject({
      name: 'POST /token',
      parentSpanId: PARENT,
      hasFailed: false,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/token',
        'http.response.status_code': 200,
        'url.scheme': 'http',
        'server.address': 'localhost',
        'server.port': 8080,
        'signet.request_id': answer.headers.get('x-request-id'),
      },
      resource: {
        'service.name': 'signet',
        'deployment.environment.name': 'test',
        team: 'identity,access',
        'telemetry.sdk.name': 'opentelemetry',
      },
    })
  })

  it('names its trace in the line of the log, and in no header of the answer', async () => {
    const traceId = nextTrace()
    const { headers } = await instance.token(CLIENT_CREDENTIALS, { ...SERVICE, ...sentBy(traceId) })
    const line = instance.lines.find(each => each['request_id'] === headers.get('x-request-id'))
    expect(line).toMatchObject({ message: 'request', trace_id: traceId })
    expect([...headers.keys()].filter(name => name.startsWith('trace'))).toEqual([])
    expect([...headers.values()].join()).not.toContain(traceId)
  })

  it('has code and reason of a refusal, and has not failed', async () => {
    const traceId = nextTrace()
    await instance.token(CLIENT_CREDENTIALS, { ...basic('service', 'wrong'), ...sentBy(traceId) })
    expect(rootOf(await collector.trace(traceId))).toMatchObject({
      hasFailed: false,
      attributes: {
        'http.response.status_code': 401,
        'signet.error': 'invalid_client',
        'signet.reason': 'client_secret_wrong',
      },
    })
  })

  it('has no route and no path where none took the request', async () => {
    const traceId = nextTrace()
    await instance.ask(`/no-such-place/${traceId}`, { headers: sentBy(traceId) })
    const root = rootOf(await collector.trace(traceId))
    expect(root).toMatchObject({ name: 'GET', attributes: { 'http.response.status_code': 404 } })
    expect(root?.attributes).not.toHaveProperty('http.route')
  })

  it('is there for no probe', async () => {
    const [probe, request] = [nextTrace(), nextTrace()]
    await instance.ask('/livez', { headers: sentBy(probe) })
    await instance.token(CLIENT_CREDENTIALS, { ...SERVICE, ...sentBy(request) })
    await collector.trace(request)
    expect(collector.spans.filter(({ traceId }) => traceId === probe)).toEqual([])
  })
})

describe('the steps of a request', () => {
  it('are its signature for a token of a client', async () => {
    const traceId = nextTrace()
    await instance.token(CLIENT_CREDENTIALS, { ...SERVICE, ...sentBy(traceId) })
    const spans = await collector.trace(traceId)
    const root = rootOf(spans)
    expect(spans.filter(({ name }) => name === 'sign')).toEqual([
      expect.objectContaining({ parentSpanId: root?.spanId, attributes: { 'signet.typ': 'at+jwt' } }),
    ])
  })

  it('are its statements, by tables alone, and the work on its password', async () => {
    await signUp(instance, 'ada@example.com')
    const traceId = nextTrace()
    await signIn(instance, 'ada@example.com', {}, sentBy(traceId))
    const spans = await collector.trace(traceId)
    expect(namesOf(spans)).toEqual(expect.arrayContaining(['verify password', 'sign']))
    const statements = spans.filter(({ attributes }) => attributes['db.system.name'] === 'postgresql')
    expect(statements).toContainEqual(
      expect.objectContaining({
        name: 'select users',
        kind: 'client',
        attributes: {
          'db.system.name': 'postgresql',
          'db.query.summary': 'select users',
          'db.operation.name': 'select',
        },
      }),
    )
    // The tables are those of its fragments, too: a sign-in is an event.
    const opening = namesOf(statements).find(name => name.includes('insert refresh_families'))
    expect(opening).toContain('insert events')
    expect(namesOf(statements)).not.toContain('postgresql')
  })

  it('have the statements of a transaction in one span', async () => {
    const tokens = await signUp(instance, 'grace@example.com')
    const traceId = nextTrace()
    const body = { current_password: PASSWORD, new_password: 'another password of mine' }
    await instance.ask('/auth/password', {
      body,
      token: tokens.access_token,
      headers: sentBy(traceId),
    })
    const spans = await collector.trace(traceId)
    expect(rootOf(spans)?.attributes['http.response.status_code']).toBe(204)
    expect(namesOf(spans)).toContainEqual(expect.stringMatching(/update users.*update refresh_families/))
  })

  it('are in the trace of each request that shared a statement', async () => {
    const signIns = await Promise.all(
      ['first', 'second', 'third', 'fourth'].map(async name => {
        await signUp(instance, `${name}@example.com`)
        return { traceId: nextTrace(), tokens: await signIn(instance, `${name}@example.com`) }
      }),
    )
    await Promise.all(
      signIns.map(({ traceId, tokens }) =>
        instance.ask('/auth/refresh', {
          body: { refresh_token: tokens.refresh_token },
          headers: sentBy(traceId),
        }),
      ),
    )
    for (const { traceId } of signIns) {
      const spans = await collector.trace(traceId)
      expect(spans.filter(({ name }) => name === 'update refresh_families')).toHaveLength(1)
      expect(spans.filter(({ name }) => name === 'sign')).toHaveLength(1)
    }
  })
})

describe('an export', () => {
  it('has the headers of the settings', () => {
    expect(collector.heads[0]).toMatchObject({ url: '/v1/traces', headers: { 'x-tenant': 'one two' } })
  })
})

describe('W3C Trace Context §3.2 – a traceparent', () => {
  it.each([
    ['of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['of version ff', `ff-${'c'.repeat(32)}-${PARENT}-01`],
    ['in capitals', `00-${'C'.repeat(32)}-${PARENT}-01`],
    ['with a member too many', `00-${'c'.repeat(32)}-${PARENT}-01-more`],
    ['that comes twice', `00-${'c'.repeat(32)}-${PARENT}-01, 00-${'c'.repeat(32)}-${PARENT}-01`],
  ])('%s begins a trace of its own', async (_name, traceparent) => {
    const { headers } = await instance.token(CLIENT_CREDENTIALS, { ...SERVICE, traceparent })
    const line = instance.lines.find(each => each['request_id'] === headers.get('x-request-id'))
    expect(line?.['trace_id']).toMatch(/^[\da-f]{32}$/)
    const root = rootOf(await collector.trace(String(line?.['trace_id'])))
    expect(root?.parentSpanId).toBe(null)
    expect(root?.traceId).not.toBe('c'.repeat(32))
  })

  it('of a later version counts by its first members', async () => {
    const traceId = nextTrace()
    await instance.token(CLIENT_CREDENTIALS, { ...SERVICE, traceparent: `01-${traceId}-${PARENT}-01-more` })
    expect(rootOf(await collector.trace(traceId))?.parentSpanId).toBe(PARENT)
  })

  it('of a caller that does not sample is named in the log, and nothing is exported', async () => {
    const [silent, heard] = [nextTrace(), nextTrace()]
    await signUp(instance, 'silent@example.com')
    const { headers } = await trySignIn(instance, 'silent@example.com', {}, sentBy(silent, '00'))
    await refreshTokens(instance, await signIn(instance, 'silent@example.com'))
    await instance.token(CLIENT_CREDENTIALS, { ...SERVICE, ...sentBy(heard) })
    await collector.trace(heard)
    const line = instance.lines.find(each => each['request_id'] === headers.get('x-request-id'))
    expect(line).toMatchObject({ trace_id: silent })
    expect(collector.spans.filter(({ traceId }) => traceId === silent)).toEqual([])
  })
})
