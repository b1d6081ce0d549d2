import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer } from '../../support/answer.ts'
import { PASSWORD } from '../../support/ask.ts'
import { API, CLIENTS, OTHER_API } from '../../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../../support/deployment.ts'
import { rowOf, seedFamily } from '../../support/families.ts'
import { isActive, refresh, refused } from '../../support/refresh.ts'

/** A first-party client without a registered audience: it reaches only the account API. */
const PLAIN = {
  client_id: 'plain',
  token_endpoint_auth_method: 'none',
  first_party: true,
  grant_types: ['refresh_token'],
  scope: 'account',
}

/** All of them together are more than fit into a token. */
const WIDE = {
  ...PLAIN,
  client_id: 'wide',
  audience: Array.from({ length: 10 }, (_, index) => `https://${'a'.repeat(700)}.example/${index}`),
}

let people = 0

describe.each(deployments)('RFC 8707 §2 – the audience of people’s tokens, on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([...CLIENTS, PLAIN, WIDE])
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const post = (path: string, body: object, token?: string) =>
    signet.ask(path, { body, ...(token === undefined ? {} : { token }) })
  const me = async (token: string) => {
    const { status, body } = await signet.ask('/auth/me', { token })
    return status === 200 ? 200 : `${status} ${body.code}`
  }
  const audienceOf = ({ body }: Answer) => decodeJwt(body.access_token).aud
  const credentials = () => {
    people += 1
    return { email: `audience${people}@example.com`, password: PASSWORD, client_id: 'app' }
  }

  it('is the first registered one, never together with the issuer', async () => {
    const ada = credentials()
    const registered = await post('/auth/register', ada)
    const signedIn = await post('/auth/login', ada)
    expect([registered, signedIn].map(audienceOf)).toEqual([API, API])
    expect(await isActive(signet, signedIn.body.access_token)).toBe(true)
    expect(await me(signedIn.body.access_token)).toBe('401 AUTH_TOKEN_INVALID')
  })

  it('is the issuer for a client without a registered audience', async () => {
    const opened = await post('/auth/register', { ...credentials(), client_id: 'plain' })
    expect(audienceOf(opened)).toBe(ISSUER)
    expect(await me(opened.body.access_token)).toBe(200)
    const { refresh_token } = opened.body
    const refusal = await post('/auth/refresh', { refresh_token, resource: API })
    expect([refusal.status, refusal.body['errors']]).toEqual([
      422,
      [{ pointer: '#/resource', detail: expect.any(String) }],
    ])
    expect(audienceOf(await post('/auth/refresh', { refresh_token }))).toBe(ISSUER)
  })

  it.each([
    ['the issuer', ISSUER, ISSUER],
    ['another registered one', OTHER_API, OTHER_API],
    ['several', [OTHER_API, API], [OTHER_API, API]],
    ['one in a list', [OTHER_API], OTHER_API],
    ['one twice', [OTHER_API, OTHER_API], OTHER_API],
  ])('is %s when a sign-up or a sign-in asks for it, and stays so', async (_, resource, audience) => {
    const ada = credentials()
    const registered = await post('/auth/register', { ...ada, resource })
    const signedIn = await post('/auth/login', { ...ada, resource })
    expect([registered, signedIn].map(audienceOf)).toEqual([audience, audience])
    const next = await post('/auth/refresh', { refresh_token: signedIn.body.refresh_token })
    expect(audienceOf(next)).toEqual(audience)
    const after = await refresh(signet, next.body.refresh_token)
    expect(audienceOf(after)).toEqual(audience)
  })

  it('is refused as a problem when the token would be too long, before an account is created or a token spent', async () => {
    const ada = { ...credentials(), client_id: 'wide' }
    const resource = WIDE.audience
    const outcomeOf = ({ status, headers, body }: Answer) => [
      status,
      headers.get('content-type'),
      body['errors'],
    ]
    const REFUSED = [422, 'application/problem+json', [{ pointer: '#/resource', detail: expect.any(String) }]]
    expect(outcomeOf(await post('/auth/register', { ...ada, resource }))).toEqual(REFUSED)
    expect((await post('/auth/register', { ...ada, resource: resource[0] })).status).toBe(201)
    expect(outcomeOf(await post('/auth/login', { ...ada, resource }))).toEqual(REFUSED)
    const { body } = await post('/auth/login', { ...ada, resource: ISSUER })
    const { refresh_token, access_token } = body
    expect(outcomeOf(await post('/auth/refresh', { refresh_token, resource }))).toEqual(REFUSED)
    const stepUp = await post('/auth/step-up', { totp: '000000', resource }, access_token)
    expect(outcomeOf(stepUp)).toEqual(REFUSED)
    expect(await me(access_token)).toBe(200)
    expect((await post('/auth/refresh', { refresh_token })).status).toBe(200)
  })

  it.each(['/auth/refresh', '/token'])('is chosen at each refresh by %s (§2.2)', async path => {
    let { refresh_token } = (await post('/auth/register', credentials())).body
    const next = async (resource?: string) => {
      const more = resource === undefined ? {} : { resource }
      const answer =
        path === '/token'
          ? await refresh(signet, refresh_token, { form: more })
          : await post('/auth/refresh', { refresh_token, ...more })
      expect(answer.status).toBe(200)
      refresh_token = answer.body.refresh_token
      return answer
    }
    const ours = await next(ISSUER)
    expect([audienceOf(ours), await me(ours.body.access_token)]).toEqual([ISSUER, 200])
    expect([await next(OTHER_API), await next(), await next(API)].map(audienceOf)).toEqual([
      OTHER_API,
      API,
      API,
    ])
  })

  it.each([
    ['the issuer with another', [ISSUER, API]],
    ['another with the issuer', [API, ISSUER]],
    ['one that is not registered', 'https://elsewhere.example'],
    ['one that is not registered among others', [API, 'https://elsewhere.example']],
    ['a text that is no URI', 'api'],
    ['a fragment', `${API}#f`],
    ['an empty text', ''],
    ['a number', 7],
    ['an empty list', []],
    ['a list of null', [null]],
    ['more than ten', Array.from({ length: 11 }, () => API)],
  ])('refuses %s and changes nothing', async (_, resource) => {
    const ada = credentials()
    const refusalOf = ({ status, body }: Answer) => [status, body['code']]
    expect(refusalOf(await post('/auth/register', { ...ada, resource }))).toEqual([422, 'FIELDS_INVALID'])
    const { refresh_token } = (await post('/auth/register', ada)).body
    expect(refusalOf(await post('/auth/login', { ...ada, resource }))).toEqual([422, 'FIELDS_INVALID'])
    expect(refusalOf(await post('/auth/login/passkey/options', { client_id: 'app', resource }))).toEqual([
      422,
      'FIELDS_INVALID',
    ])
    expect(refusalOf(await post('/auth/refresh', { refresh_token, resource }))).toEqual([
      422,
      'FIELDS_INVALID',
    ])
    expect((await post('/auth/refresh', { refresh_token })).status).toBe(200)
  })

  it('refuses the issuer together with another audience at /token too, and the refresh token stays usable', async () => {
    const { refresh_token } = (await post('/auth/register', credentials())).body
    const form = [
      ['resource', ISSUER],
      ['resource', API],
    ] as const
    expect(await refused(signet, refresh_token, { form })).toEqual([400, 'invalid_target'])
    expect((await refresh(signet, refresh_token)).status).toBe(200)
  })

  it('narrows a family of an earlier version, whose tokens had the issuer too', async () => {
    const family = await seedFamily(deployment, { audience: [API, ISSUER] })
    const usual = await post('/auth/refresh', { refresh_token: family.refresh_token })
    expect([audienceOf(usual), await me(usual.body.access_token)]).toEqual([API, '401 AUTH_TOKEN_INVALID'])
    const ours = await post('/auth/refresh', { refresh_token: usual.body.refresh_token, resource: ISSUER })
    expect([audienceOf(ours), await me(ours.body.access_token)]).toEqual([ISSUER, 200])
    // The family was not granted this audience, and gets no more than it was granted.
    const more = await post('/auth/refresh', { refresh_token: ours.body.refresh_token, resource: OTHER_API })
    expect(more.status).toBe(422)
    expect(await rowOf(deployment, family.id)).toMatchObject({ generation: 2, revoked_at: null })
  })

  it('is DEFAULT_AUDIENCE when that differs from the issuer and the client registers none', async () => {
    const instance = await deployment.start({ environment: { DEFAULT_AUDIENCE: API } })
    const open = async (more: object) =>
      audienceOf(
        await instance.ask('/auth/register', { body: { ...credentials(), client_id: 'plain', ...more } }),
      )
    expect(await open({})).toBe(API)
    expect(await open({ resource: API })).toBe(API)
    expect(await open({ resource: ISSUER })).toBe(ISSUER)
    await instance.close()
  })
})
