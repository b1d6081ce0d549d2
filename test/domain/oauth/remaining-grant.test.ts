import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { signUp } from '../../support/accounts/account-api.ts'
import { newEmail } from '../../support/ask.ts'
import { API, basic, CLIENTS, type ClientEntry, OTHER_API, SECRETS } from '../../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../../support/deployment.ts'

const SECRET = 'a secret of an administrator, long enough'
const NEW_SECRET = 'another secret of an administrator, as long'
const ADMIN: ClientEntry = {
  client_id: 'admin',
  client_secret: SECRET,
  grant_types: ['client_credentials'],
  scope: 'signet:admin read',
  audience: [ISSUER, API],
}
const OTHER_ADMIN = { ...ADMIN, client_id: 'other-admin' }
const RESOURCES: ClientEntry = {
  client_id: 'resources',
  client_secret: SECRETS.introspector,
  protected_resources: [ISSUER, API],
}
const APP = CLIENTS.find(({ client_id }) => client_id === 'app') ?? ADMIN
const { kty, crv, x, y } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
  format: 'jwk',
})
const KEYED = {
  client_secret: undefined,
  token_endpoint_auth_method: 'private_key_jwt',
  jwks: { keys: [{ kty, crv, x, y }] },
}
const PUBLIC = {
  client_secret: undefined,
  token_endpoint_auth_method: 'none',
  grant_types: ['refresh_token'],
}

describe.each(deployments)('a registration that changes while tokens live, on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  const register = (...clients: readonly ClientEntry[]) => {
    deployment.register([RESOURCES, OTHER_ADMIN, ...clients])
    return signet?.reload()
  }
  beforeAll(async () => {
    deployment = await open()
    await register(ADMIN, APP)
    signet = await deployment.start()
  })
  beforeEach(() => register(ADMIN, APP))
  afterAll(async () => {
    await deployment.close()
  })

  const tokenOf = async (client_id: string, secret: string, more: Readonly<Record<string, string>> = {}) =>
    (await signet.token({ grant_type: 'client_credentials', ...more }, basic(client_id, secret))).body
      .access_token
  const introspect = async (token: string, instance = signet) =>
    (await instance.post('/introspect', { token }, basic('resources', SECRETS.introspector))).body
  /** Ends the tokens of a client that does not exist. */
  const administer = async (token: string, instance = signet) =>
    (await instance.ask('/global-token-revocation', { body: { client_id: 'nobody' }, token })).status

  it.each([
    ['the loss of a scope', { scope: 'read' }, 403],
    ['the loss of an audience', { audience: [API] }, 401],
    ['the loss of its grant', { grant_types: [] }, 401],
    ['a change of its secret', { client_secret: NEW_SECRET }, 401],
    ['a change from a secret to a key', KEYED, 401],
    ['the loss of its secret', PUBLIC, 401],
    ['the loss of its entry', null, 401],
  ] as const)('refuses an administrator after %s', async (_, changed, status) => {
    const token = await tokenOf('admin', SECRET)
    const other = await tokenOf('other-admin', SECRET)
    expect([await administer(token), await administer(other)]).toEqual([204, 204])
    await (changed === null ? register(APP) : register({ ...ADMIN, ...changed }, APP))
    expect(await administer(token)).toBe(status)
    const answer = await introspect(token)
    expect(answer.active ? answer['scope'] : null).toBe(status === 403 ? 'read' : null)
    expect(await administer(other)).toBe(204)
    await register(ADMIN, APP)
    expect(await administer(token)).toBe(204)
  })

  it('accepts a new token of an administrator with a changed secret, also after a restart', async () => {
    const before = await tokenOf('admin', SECRET)
    const elsewhere = await deployment.start()
    expect(await administer(before, elsewhere)).toBe(204)
    await register({ ...ADMIN, client_secret: NEW_SECRET }, APP)
    await elsewhere.reload()
    const after = await tokenOf('admin', NEW_SECRET)
    for (const instance of [signet, elsewhere, await deployment.start()]) {
      expect(await administer(before, instance)).toBe(401)
      expect(await administer(after, instance)).toBe(204)
      expect((await introspect(after, instance))['active']).toBe(true)
    }
    expect(Object.keys(await introspect(after))).not.toContain('credentials_hash')
  })

  describe('of a first-party client', () => {
    const open = async (resource: string) => {
      const { access_token } = await signUp(signet, newEmail(), { client_id: 'app', resource })
      return access_token
    }
    const me = async (token: string) => (await signet.ask('/auth/me', { token })).status

    it.each([
      ['first_party', { first_party: false }, [401, false, 'read write']],
      ['an audience', { audience: [OTHER_API] }, [200, 'read write', false]],
      ['a scope', { scope: 'read' }, [200, 'read', 'read']],
      ['its entry', null, [401, false, false]],
    ] as const)('withdraws the rights of its tokens after the loss of %s', async (_, changed, expected) => {
      const [ours, theirs] = [await open(ISSUER), await open(API)]
      expect([await me(ours), await me(theirs)]).toEqual([200, 401])
      await (changed === null ? register(ADMIN) : register(ADMIN, { ...APP, ...changed }))
      const scopes = [await introspect(ours), await introspect(theirs)].map(answer =>
        answer.active ? answer['scope'] : false,
      )
      expect([await me(ours), ...scopes]).toEqual(expected)
      await register(ADMIN, APP)
      expect([await me(ours), (await introspect(theirs))['scope']]).toEqual([200, 'read write'])
    })
  })
})
