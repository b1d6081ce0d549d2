import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { claimsOf, refreshTokens, signUp } from '../support/accounts/account-api.ts'
import { PASSWORD } from '../support/ask.ts'
import { basic, CLIENT_CREDENTIALS, SECRETS, SERVICE } from '../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'
import { refresh } from '../support/refresh.ts'
import { type Collector, openCollector } from '../support/services/collector.ts'
import { type HookReceiver, openHookReceiver, replying } from '../support/services/hook-receiver.ts'

describe('the traces', () => {
  let deployment: Deployment
  let collector: Collector
  let hook: HookReceiver
  let signet: Instance
  beforeAll(async () => {
    collector = await openCollector()
    hook = await openHookReceiver(replying('{"valid":true}'))
    deployment = await openDeployment()
    signet = await deployment.start({
      environment: {
        ...collector.environment,
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20key-of-the-collector',
        PASSWORD_HOOK_URL: `${hook.url}&key=key-of-the-hook`,
        PASSWORD_HOOK_UNTIL: '2100-01-01',
        PASSWORD_HOOK_FOR: 'everyone',
        OUTBOUND_ALLOW: '127.0.0.1',
      },
    })
  })
  afterAll(async () => {
    await deployment.close()
    await hook.close()
    await collector.close()
  })

  const EMAIL = 'ada@example.com'
  const ADDRESS = '198.51.100.77'

  /** One text wherever a stranger can put one. */
  const sendEverywhere = async (text: string) => {
    const headers = {
      traceparent: text,
      tracestate: `signet=${text}`,
      baggage: `token=${text}`,
      'x-request-id': text,
      'user-agent': text,
      referer: `https://page.example/?token=${text}`,
      cookie: `signet-session=${text}; other=${text}`,
      'idempotency-key': text,
      dpop: text,
    }
    const valid = { ...headers, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }
    await signet.fetch(`/auth/me?token=${text}`, { headers: { ...valid, authorization: `Bearer ${text}` } })
    await signet.fetch(`/reset-password/${text}?token=${text}`, { headers })
    await signet.fetch(`/${text}/${text}`, { headers: valid }, ADDRESS)
    await signet.fetch(`/authorize?client_id=${text}&state=${text}&code_challenge=${text}`, { headers })
    for (const path of ['/token', '/revoke', '/introspect', '/par', '/device_authorization'])
      await signet.post(
        path,
        {
          client_id: text,
          client_secret: text,
          token: text,
          code: text,
          refresh_token: text,
          grant_type: text,
          scope: text,
        },
        headers,
      )
    for (const grant_type of ['refresh_token', 'authorization_code', 'client_credentials'])
      await signet.post('/token', { grant_type, refresh_token: text, code: text, scope: text }, SERVICE)
    for (const path of ['/auth/login', '/auth/register', '/auth/refresh', '/auth/logout'])
      await signet.ask(path, {
        body: { email: text, password: text, refresh_token: text, name: text },
        headers,
      })
  }

  it('hold no secret, no person and nothing that a stranger has sent', async () => {
    const tokens = await signUp(signet, EMAIL)
    const next = (await refreshTokens(signet, tokens)).body
    // The former provider says yes: the account is made in this request.
    await signet.ask('/auth/login', { body: { email: 'bob@example.com', password: PASSWORD } })
    expect(hook.heard.length).toBeGreaterThan(0)
    await refresh(signet, next.refresh_token, { key: 'idempotency-key-of-mine' })
    await signet.token(CLIENT_CREDENTIALS, basic('service', 'a-guessed-secret-of-some-length'))
    const service = (await signet.token(CLIENT_CREDENTIALS, SERVICE)).body
    const secrets = [
      tokens.access_token,
      tokens.refresh_token,
      next.access_token,
      next.refresh_token,
      service.access_token,
    ]
    for (const secret of [...secrets, 'what-a-stranger-has-chosen']) await sendEverywhere(secret)
    await signet.close()

    const text = collector.text()
    expect(collector.spans.filter(({ kind }) => kind === 'server').length).toBeGreaterThan(60)
    const { sub, sid } = claimsOf(tokens.access_token)
    for (const hidden of [
      ...secrets.flatMap(secret => [secret, secret.slice(0, 60), secret.slice(-20)]),
      ...Object.values(SECRETS),
      'what-a-stranger-has-chosen',
      'a-guessed-secret-of-some-length',
      'idempotency-key-of-mine',
      'key-of-the-collector',
      'key-of-the-hook',
      PASSWORD,
      EMAIL,
      'bob@example.com',
      ADDRESS,
      String(sub),
      String(sid),
      deployment.pepper,
    ])
      expect(text).not.toContain(hidden)
  })

  it('have the attributes of docs/traces.md alone, and each of those is one of the code', () => {
    const page = readFileSync('docs/traces.md', 'utf8')
    const listed = [...page.matchAll(/^\| `([a-z_.]+)` \|/gm)].map(([, name = '']) => name)
    const [, union = ''] =
      /^export type SpanAttribute =\n([^\n]+(?:\n {2}\|[^\n]+)*)/m.exec(
        readFileSync('src/ports/traces.ts', 'utf8'),
      ) ?? []
    const declared = [...union.matchAll(/'([^']+)'/g)].map(([, name = '']) => name)
    expect(declared).toEqual(listed.filter(name => declared.includes(name)))
    const found = new Set(collector.spans.flatMap(({ attributes }) => Object.keys(attributes)))
    expect([...found].filter(name => !listed.includes(name))).toEqual([])
  })

  it('have names of closed lists: routes, statements, commands and steps', () => {
    const names = new Set(collector.spans.map(({ name }) => name))
    const known =
      /^(?:(?:GET|HEAD|POST|PUT|PATCH|DELETE)(?: \/[\w/:.*{}[\]-]*)?|(?:(?:select|insert|update|delete) \w+ ?)+|postgresql|sign|(?:hash|verify) password|[a-z]+)$/
    expect([...names].filter(name => !known.test(name))).toEqual([])
    expect(names.size).toBeGreaterThan(15)
  })
})
