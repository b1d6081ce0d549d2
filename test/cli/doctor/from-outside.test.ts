import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { examineFromOutside } from '../../../src/cli/doctor/from-outside.ts'
import { askApp } from '../../support/bindings.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { freePort } from '../../support/services/services.ts'

const METADATA = '/.well-known/oauth-authorization-server'
const DISCOVERY = '/.well-known/openid-configuration'
const KEYS = '/.well-known/jwks.json'

type Change = (answer: Response) => Response | Promise<Response>

const withHeaders =
  (headers: Readonly<Record<string, string>>): Change =>
  answer => {
    const changed = new Headers(answer.headers)
    for (const [name, value] of Object.entries(headers)) changed.set(name, value)
    return new Response(answer.body, { status: answer.status, headers: changed })
  }
const page: Change = () =>
  new Response('<!doctype html>', { status: 403, headers: { 'content-type': 'text/html' } })

describe('what the doctor sees from outside', () => {
  let deployment: Deployment
  let signet: Instance
  let ISSUER: string
  let close: () => void
  /** What the proxy in front does to the answer at a path. */
  let changes: Readonly<Record<string, Change>>
  beforeAll(async () => {
    const pass = async (
      { url = '/', method = 'GET', headers }: IncomingMessage,
      outgoing: ServerResponse,
    ) => {
      const sent = Object.fromEntries(
        Object.entries(headers).flatMap(([name, value]) =>
          typeof value === 'string' ? [[name, value]] : [],
        ),
      )
      const change = changes[url] ?? (same => same)
      const answer = await change(await askApp(signet.app, url, { method, headers: sent }))
      outgoing.writeHead(answer.status, Object.fromEntries(answer.headers))
      outgoing.end(Buffer.from(await answer.arrayBuffer()))
    }
    const proxy = createServer((incoming, outgoing) => {
      pass(incoming, outgoing).catch(error => outgoing.destroy(error))
    })
    await once(proxy.listen(0, '127.0.0.1'), 'listening')
    ISSUER = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    close = () => void proxy.close()
    deployment = await openDeployment()
    signet = await deployment.start({ environment: { ISSUER } })
  })
  afterAll(async () => {
    close()
    await deployment.close()
  })
  beforeEach(() => {
    changes = {}
  })

  it('has no fault where every answer passes as it is', async () => {
    expect(await examineFromOutside({ ISSUER })).toEqual({
      issuer: { fault: null },
      discovery: { fault: null },
      'published keys': { fault: null },
      cors: { fault: null },
      clock: { fault: null },
    })
  })

  describe('for the pages of each client', () => {
    const FIRST = { origin: 'https://app.example', client_id: 'app', isFirstParty: true }
    const THIRD = { origin: 'https://other.example', client_id: 'other', isFirstParty: false }
    const pages = async (...origins: Parameters<typeof examineFromOutside>[1][]) =>
      (
        await examineFromOutside(
          { ISSUER },
          origins.flatMap(each => each ?? []),
        )
      )['cors of clients']

    it('has no fault where they may ask what they need', async () => {
      expect(await pages([FIRST, THIRD])).toEqual({ fault: null })
      expect(await pages([])).toBeUndefined()
    })

    it('names the client of a page that the server does not know, and one whose cookie the proxy keeps away', async () => {
      const unknown = { ...THIRD, isFirstParty: true }
      expect((await pages([FIRST, unknown]))?.fault).toMatch(
        /^https:\/\/other\.example of other: the preflight of \/auth\/refresh is 204 with .* null: /,
      )
      changes = { '/auth/refresh': withHeaders({ 'access-control-allow-origin': '*' }) }
      expect((await pages([FIRST, THIRD]))?.fault).toMatch(
        /^https:\/\/app\.example of app: .*"\*": leave CORS/,
      )
      changes = { '/token': page }
      expect((await pages([FIRST, THIRD]))?.fault).toMatch(/; and 1 more$/)
    })

    it('asks about twenty of them, and says how many are left', async () => {
      const found = await pages(Array.from({ length: 22 }, () => THIRD))
      expect(found).toEqual({ fault: null, note: '2 origins were not asked about' })
    })
  })

  it('names the two forms of the metadata that lead to different servers', async () => {
    const elsewhere: Change = async answer => {
      const text = await answer.text()
      return new Response(text.replace('/token"', '/elsewhere"'), { headers: answer.headers })
    }
    changes = { [DISCOVERY]: elsewhere }
    expect((await examineFromOutside({ ISSUER }))['discovery']?.fault).toMatch(
      /name different token_endpoint/,
    )
  })

  it('is one note where nothing answers', async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}`
    expect(await examineFromOutside({ ISSUER: nowhere })).toEqual({
      issuer: { fault: null, note: expect.stringContaining('run this again when Signet runs') },
    })
  })

  it.each<[string, string, Change, RegExp]>([
    ['issuer', METADATA, page, /answers 403 with text\/html: the proxy has to pass every path on/],
    [
      'issuer',
      METADATA,
      () => new Response(null, { status: 301, headers: { location: 'https://www.example/' } }),
      /redirects to https:\/\/www\.example\/, and clients do not follow/,
    ],
    [
      'issuer',
      METADATA,
      () => Response.json({ issuer: `${ISSUER}/` }),
      /says the issuer "http:\/\/127\.0\.0\.1:\d+\/", and ISSUER is/,
    ],
    ['discovery', DISCOVERY, page, /openid-configuration answers 403/],
    [
      'published keys',
      KEYS,
      withHeaders({ 'cache-control': 'public, max-age=86400' }),
      /"public, max-age=86400", and Signet sends max-age=300/,
    ],
    ['published keys', KEYS, withHeaders({ 'cache-control': 'no-store' }), /"no-store"/],
    ['published keys', KEYS, () => Response.json({ keys: [] }), /answers 200 without a key/],
    ['cors', METADATA, withHeaders({ 'access-control-allow-origin': '*, *' }), /"\*, \*", not "\*"/],
    ['cors', '/token', page, /the preflight of \/token is 403/],
    [
      'cors',
      '/token',
      withHeaders({ 'access-control-allow-headers': 'Content-Type' }),
      /does not allow the headers authorization, dpop, idempotency-key, mcp-protocol-version/,
    ],
    [
      'clock',
      METADATA,
      withHeaders({ date: new Date(Date.now() + 3_600_000).toUTCString() }),
      /differs by 3\d{3} s/,
    ],
  ])('%s: names what the proxy did at %s', async (check, path, change, fault) => {
    changes = { [path]: change }
    const findings = await examineFromOutside({ ISSUER })
    expect(findings[check]?.fault).toMatch(fault)
    const others = Object.entries(findings).filter(([name]) => name !== check)
    for (const [, found] of others) expect(found).toEqual({ fault: null })
  })
})
