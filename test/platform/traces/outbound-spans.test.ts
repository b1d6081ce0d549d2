import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signIn } from '../../support/accounts/account-api.ts'
import { seedDelivery } from '../../support/authorization/deliveries.ts'
import { hasRedis } from '../../support/backends.ts'
import { CLIENTS } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { type Collector, openCollector } from '../../support/services/collector.ts'
import { type HookReceiver, openHookReceiver, replying } from '../../support/services/hook-receiver.ts'

let deployment: Deployment
let collector: Collector
let hook: HookReceiver
let application: HookReceiver
let instance: Instance

beforeAll(async () => {
  collector = await openCollector()
  hook = await openHookReceiver(replying('{"valid":true}'))
  application = await openHookReceiver()
  deployment = await openDeployment([
    ...CLIENTS,
    {
      client_id: 'told',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      redirect_uris: ['https://told.example/callback'],
      backchannel_logout_uri: application.url,
    },
  ])
  instance = await deployment.start({
    environment: {
      ...collector.environment,
      PASSWORD_HOOK_URL: hook.url,
      PASSWORD_HOOK_UNTIL: '2100-01-01',
      OUTBOUND_ALLOW: '127.0.0.1',
      RATE_LIMIT_LOGIN: '1000/60',
    },
  })
})
afterAll(async () => {
  await deployment.close()
  await hook.close()
  await application.close()
  await collector.close()
})

const traceId = 'd'.repeat(32)

describe('the span of a request to a server of others', () => {
  it('is handed on to a hook, under the span of the request that asks', async () => {
    const email = 'moved@example.com'
    await deployment.database.sql`
      insert into users (id, email, external_id, roles) values (${randomUUID()}, ${email}, 'moved', '{user}')`
    await signIn(instance, email, {}, { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` })
    const spans = await collector.trace(traceId)
    const root = spans.find(({ kind }) => kind === 'server')
    const asked = spans.find(({ name, kind }) => name === 'POST' && kind === 'client')
    expect(asked).toMatchObject({
      parentSpanId: root?.spanId,
      hasFailed: false,
      attributes: {
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'url.scheme': 'http',
        'server.address': '127.0.0.1',
        'server.port': Number(new URL(hook.url).port),
      },
    })
    expect(hook.heard.at(-1)?.headers['traceparent']).toBe(`00-${traceId}-${asked?.spanId}-01`)
    expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(['hash password', 'sign']))
  })

  it.skipIf(!hasRedis)('is beside those of the commands of Redis, by their names alone', async () => {
    await expect
      .poll(() =>
        collector.spans.filter(
          span => span.traceId === traceId && span.attributes['db.system.name'] === 'redis',
        ),
      )
      .toContainEqual(
        expect.objectContaining({
          name: expect.stringMatching(/^(?:evalsha|eval)$/),
          kind: 'client',
          attributes: { 'db.system.name': 'redis', 'db.operation.name': expect.stringMatching(/^eval/) },
        }),
      )
  })

  it('is in a trace of its own where a delivery sends it, which is not handed on to the application', async () => {
    application.answerWith(replying('', 500))
    await seedDelivery(deployment.database, 'told')
    await expect.poll(() => collector.spans.map(({ name }) => name)).toContain('deliver backchannel_logout')
    const root = collector.spans.find(({ name }) => name === 'deliver backchannel_logout')
    expect(root).toMatchObject({
      parentSpanId: null,
      attributes: { 'signet.delivery': 'backchannel_logout', 'signet.outcome': 'failed' },
    })
    const steps = collector.spans.filter(({ parentSpanId }) => parentSpanId === root?.spanId)
    expect(steps).toContainEqual(
      expect.objectContaining({
        name: 'POST',
        hasFailed: true,
        attributes: expect.objectContaining({ 'http.response.status_code': 500, 'error.type': '500' }),
      }),
    )
    expect(steps.map(({ name }) => name)).toEqual(expect.arrayContaining(['sign', 'update deliveries']))
    expect(application.heard.at(-1)?.headers).not.toHaveProperty('traceparent')
  })
})

describe('OTEL_PROPAGATORS=none', () => {
  it('continues no trace of a caller, and hands none on', async () => {
    const alone = await deployment.start({
      environment: {
        ...collector.environment,
        OTEL_PROPAGATORS: 'none',
        PASSWORD_HOOK_URL: hook.url,
        PASSWORD_HOOK_UNTIL: '2100-01-01',
        OUTBOUND_ALLOW: '127.0.0.1',
      },
    })
    const email = 'alone@example.com'
    await deployment.database.sql`
      insert into users (id, email, external_id, roles) values (${randomUUID()}, ${email}, 'alone', '{user}')`
    await signIn(alone, email, {}, { traceparent: `00-${'e'.repeat(32)}-${'b'.repeat(16)}-01` })
    expect(hook.heard.at(-1)?.headers).not.toHaveProperty('traceparent')
    const line = alone.lines.find(({ message }) => message === 'request')
    const spans = await collector.trace(String(line?.['trace_id']))
    expect(spans.find(({ kind }) => kind === 'server')?.parentSpanId).toBe(null)
    expect(collector.spans.filter(span => span.traceId === 'e'.repeat(32))).toEqual([])
  })
})
