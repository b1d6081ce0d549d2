import { describe, expect, it } from 'vitest'
import { Unavailable } from '../../../src/domain/base/unavailable.ts'
import { OAuthError } from '../../../src/domain/oauth/oauth-error.ts'
import { Problem } from '../../../src/domain/refusals/problem.ts'
import { openPages } from '../../../src/http/layout/layout.ts'
import { createApp } from '../../../src/http/server/app.ts'
import { createClientAddress } from '../../../src/http/server/client-address.ts'
import { createCors } from '../../../src/http/server/cors.ts'
import type { Route } from '../../../src/http/server/route.ts'
import { absentMetrics } from '../../../src/platform/metrics.ts'
import { onBehalfOf } from '../../../src/platform/origin-context.ts'
import { systemRandom } from '../../../src/platform/random.ts'
import type { Clients } from '../../../src/ports/clients.ts'
import { askApp } from '../../support/bindings.ts'
import { createLog } from '../../support/effects.ts'
import { BRAND } from '../../support/pages/brand.ts'

const KINDS = ['oauth', 'problem', 'page'] as const satisfies readonly Route['errors'][]
const TYPES = {
  oauth: 'application/json',
  problem: 'application/problem+json',
  page: 'text/html; charset=utf-8',
} as const

const noClients: Pick<Clients, 'hasFirstPartyOrigin'> = {
  hasFirstPartyOrigin: () => false,
}

/** The answer and the log of a server with one route of that kind, which fails with that error. */
const failWith = async (errors: Route['errors'], error: unknown) => {
  const { log, lines } = createLog()
  const app = createApp({
    routes: [
      {
        method: 'GET',
        path: '/failing',
        cors: 'none',
        errors,
        handle: async () => {
          throw error
        },
      },
    ],
    cors: createCors({ origins: [], clients: noClients }),
    clientAddress: createClientAddress({ trusted: [], header: 'x-forwarded-for', log }),
    pages: openPages(BRAND),
    random: systemRandom,
    metrics: absentMetrics,
    log,
    proofNonce: () => null,
    isHttps: false,
    areConnectionsEnding: () => false,
    onBehalfOf,
    tracing: null,
    unknownPage: null,
  })
  const { status, headers } = await askApp(app, '/failing')
  return { status, headers, type: headers.get('content-type'), lines }
}

describe('a refusal in the form of its route', () => {
  it('is the JSON of RFC 6749 §5.2 on an OAuth route', async () => {
    const error = new OAuthError('client_secret_wrong', { client_id: 'service' })
    const { status, type, headers, lines } = await failWith('oauth', error)
    expect([status, type]).toEqual([401, TYPES.oauth])
    expect(headers.get('www-authenticate')).toBe('Basic realm="signet"')
    expect(lines).toMatchObject([
      { level: 'info', error: 'invalid_client', reason: 'client_secret_wrong', client_id: 'service' },
    ])
  })

  it.each(['problem', 'page'] as const)('is a %s', async kind => {
    const error = new Problem('LINK_INVALID', { reason: 'link_spent_meanwhile' })
    const { status, type, lines } = await failWith(kind, error)
    expect([status, type]).toEqual([400, TYPES[kind]])
    expect(lines).toMatchObject([{ level: 'info', error: 'LINK_INVALID', reason: 'link_spent_meanwhile' }])
  })

  it('is a page also when the form cannot be read', async () => {
    const { status, type, lines } = await failWith('page', new OAuthError('content_type'))
    expect([status, type]).toEqual([400, TYPES.page])
    expect(lines).toMatchObject([{ level: 'info', error: 'FORM_UNREADABLE', reason: 'content_type' }])
  })

  it('is logged under its code when it has no reason', async () => {
    const { lines } = await failWith('problem', new Problem('EMAIL_TAKEN'))
    expect(lines).toMatchObject([{ error: 'EMAIL_TAKEN', reason: 'email_taken' }])
  })

  it('is logged under the reason of the OAuth refusal that it translates', async () => {
    const cause = new OAuthError('refresh_idle')
    const { lines } = await failWith('problem', new Problem('AUTH_TOKEN_EXPIRED', { cause }))
    expect(lines).toMatchObject([{ error: 'AUTH_TOKEN_EXPIRED', reason: 'refresh_idle' }])
  })

  it.each(['problem', 'page'] as const)('has Retry-After as a %s', async kind => {
    const error = new Problem('RATE_LIMITED', { reason: 'accounts', retry_after_seconds: 7 })
    const { status, headers } = await failWith(kind, error)
    expect([status, headers.get('retry-after')]).toEqual([429, '7'])
  })
})

describe('an unavailable service', () => {
  it.each(KINDS)('is 503 with Retry-After on a route of the kind %s', async kind => {
    const { status, type, headers, lines } = await failWith(kind, new Unavailable('database', 3, 'gone'))
    expect([status, type, headers.get('retry-after')]).toEqual([503, TYPES[kind], '3'])
    expect(lines).toMatchObject([
      { level: 'error', error: 'unavailable', reason: 'database', cause: 'gone', message: 'request' },
    ])
  })
})

describe('an unexpected error', () => {
  it.each(KINDS)('is 500 without a detail on a route of the kind %s', async kind => {
    const { status, type, lines } = await failWith(kind, new TypeError('no such thing'))
    expect([status, type]).toEqual([500, TYPES[kind]])
    expect(lines).toMatchObject([
      { level: 'error', message: 'unexpected error', error: expect.stringContaining('no such thing') },
      { level: 'error', message: 'request', status: 500 },
    ])
    expect(lines[0]?.['request_id']).toBe(lines[1]?.['request_id'])
  })

  it.each([
    ['oauth', new Problem('AUTH_TOKEN_INVALID', { reason: 'revoked' })],
    ['problem', new OAuthError('client_unknown')],
  ] as const)('is also a refusal of another protocol on an %s route', async (kind, error) => {
    const { status, lines } = await failWith(kind, error)
    expect(status).toBe(500)
    expect(lines[0]).toMatchObject({ level: 'error', message: 'unexpected error' })
  })
})
