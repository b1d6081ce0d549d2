import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findSpelling } from '../../../src/domain/oauth/resource.ts'
import {
  basic,
  CLIENT_CREDENTIALS,
  CLIENTS,
  CONFIDENTIAL,
  INTROSPECTOR,
  SECRETS,
} from '../../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../../support/deployment.ts'
import { refresh } from '../../support/refresh.ts'

describe('RFC 3986 §6.2.2 – the spelling of a resource', () => {
  it.each([
    ['a slash after an origin', 'https://api.example/', 'https://api.example'],
    ['that the slash after an origin is missing', 'https://api.example', 'https://api.example/'],
    ['the case of the scheme', 'HTTPS://api.example', 'https://api.example'],
    ['the case of the host', 'https://API.Example', 'https://api.example'],
    ['the case of the host before a path', 'https://API.example/Mcp', 'https://api.example/Mcp'],
    ['an empty path before a query', 'https://api.example?a=1', 'https://api.example/?a=1'],
    ['a slash after a port, and the case before it', 'http://LOCALHOST:3000/', 'http://localhost:3000'],
    ['the case of the scheme of a URN', 'URN:example:api', 'urn:example:api'],
  ])('ignores %s', (_, asked, registered) => {
    expect(findSpelling(asked, ['https://other.example', registered])).toBe(registered)
  })

  it.each([
    ['the slash at the end of a path', 'https://api.example/mcp/', 'https://api.example/mcp'],
    ['the case of a path', 'https://api.example/MCP', 'https://api.example/mcp'],
    ['a path below', 'https://api.example/mcp', 'https://api.example'],
    ['the scheme', 'http://api.example', 'https://api.example'],
    ['a port, also by the default one', 'https://api.example:443', 'https://api.example'],
    ['a query', 'https://api.example/?a=1', 'https://api.example/'],
    ['a user', 'https://ada@api.example', 'https://api.example'],
    ['the case of a user', 'https://ADA@api.example', 'https://ada@api.example'],
    ['a longer host', 'https://api.example.evil.example', 'https://api.example'],
    ['a dot segment', 'https://api.example/a/..', 'https://api.example/'],
    ['an escape', 'https://api.example/%6dcp', 'https://api.example/mcp'],
    ['the case of the rest of a URN', 'urn:example:API', 'urn:example:api'],
  ])('distinguishes resources by %s', (_, asked, registered) => {
    expect(findSpelling(asked, [registered])).toBeUndefined()
  })

  it('prefers the exact spelling where two are registered', () => {
    const both = ['https://api.example', 'https://api.example/']
    expect(both.map(each => findSpelling(each, both))).toEqual(both)
  })
})

const PLAIN = 'https://api.example'
const SLASHED = 'https://slashed.example/'
const BOTH = { audience: [PLAIN, SLASHED], scope: 'read', grant_types: ['refresh_token'] }
const APP = { client_id: 'app', token_endpoint_auth_method: 'none', first_party: true, ...BOTH }
const SERVER = {
  client_id: 'slashless-server',
  client_secret: SECRETS.introspector,
  protected_resources: ['https://SLASHED.example'],
}
const PERSON = { email: 'ada@resource.example', password: 'a lantern for the harbour', client_id: 'app' }

describe.each(deployments)('RFC 8707 §2 – a resource in another spelling, on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    const clients = CLIENTS.filter(({ client_id }) => client_id !== 'app')
    deployment = await open([...clients, APP, SERVER])
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const post = async (path: string, body: object) =>
    signet.fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const SPELLINGS = [
    ['https://api.example/', PLAIN],
    ['HTTPS://Api.Example', PLAIN],
    ['https://slashed.example', SLASHED],
    [`${ISSUER}/`, ISSUER],
  ] as const

  it.each(SPELLINGS)(
    'takes %s at registration, sign-in and refresh, and issues for %s',
    async (asked, aud) => {
      const person = { ...PERSON, email: `${asked.length}${aud.length}@resource.example` }
      const registered = await post('/auth/register', { ...person, resource: asked })
      expect([registered.status, decodeJwt(registered.body.access_token).aud]).toEqual([201, aud])
      const signedIn = await post('/auth/login', { ...person, resource: [asked, aud] })
      expect(decodeJwt(signedIn.body.access_token).aud).toBe(aud)
      const { refresh_token } = signedIn.body
      const refreshed = await post('/auth/refresh', { refresh_token, resource: asked })
      expect([refreshed.status, decodeJwt(refreshed.body.access_token).aud]).toEqual([200, aud])
      const atToken = await refresh(signet, refreshed.body.refresh_token, { form: { resource: asked } })
      expect([atToken.status, decodeJwt(atToken.body.access_token).aud]).toEqual([200, aud])
    },
  )

  it('takes it from a client that acts for itself', async () => {
    const answer = await signet.token(
      { ...CLIENT_CREDENTIALS, resource: 'https://API.example/' },
      CONFIDENTIAL,
    )
    expect([answer.status, decodeJwt(answer.body.access_token).aud]).toEqual([200, PLAIN])
  })

  it('refuses the issuer beside another resource however it is spelt, and the token stays usable', async () => {
    const { refresh_token } = (await post('/auth/register', { ...PERSON, email: 'mixed@resource.example' }))
      .body
    const form = [
      ['resource', `${ISSUER}/`],
      ['resource', PLAIN],
    ] as const
    const refused = await refresh(signet, refresh_token, { form })
    expect([refused.status, refused.body['error']]).toEqual([400, 'invalid_target'])
    expect((await refresh(signet, refresh_token)).status).toBe(200)
  })

  it('refuses another path of a registered origin', async () => {
    const resource = `${PLAIN}/mcp`
    const refused = await signet.token({ ...CLIENT_CREDENTIALS, resource }, CONFIDENTIAL)
    expect([refused.status, refused.body['error']]).toEqual([400, 'invalid_target'])
    expect((await signet.token(CLIENT_CREDENTIALS, CONFIDENTIAL)).status).toBe(200)
  })

  it('tells a resource server of tokens for what it serves in another spelling (RFC 7662 §2.2)', async () => {
    const person = { ...PERSON, email: 'introspected@resource.example', resource: SLASHED }
    const { access_token: token } = (await post('/auth/register', person)).body
    const server = basic(SERVER.client_id, SECRETS.introspector)
    const { body } = await signet.post('/introspect', { token }, server)
    expect([body['active'], body['aud']]).toEqual([true, SLASHED])
    expect((await signet.post('/introspect', { token }, INTROSPECTOR)).body['active']).toBe(false)
  })
})
