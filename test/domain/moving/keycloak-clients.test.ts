import { describe, expect, it } from 'vitest'
import { convertKeycloakClient } from '../../../src/domain/moving/keycloak-clients.ts'
import type { SourceRecord } from '../../../src/domain/moving/source-record.ts'

const SECRET = 'Zx8hq3yVtVf0m6dJwqk2LrB7nC1sPa9e'

/** A confidential web application, as `kc.sh export` of Keycloak 26 writes it. */
const APPLICATION = {
  id: '7740a5b5-bb90-4c4e-bfdd-70dfe5cf259e',
  clientId: 'shop',
  name: 'Shop',
  description: '',
  rootUrl: 'https://shop.example',
  adminUrl: '',
  enabled: true,
  clientAuthenticatorType: 'client-secret',
  secret: SECRET,
  redirectUris: ['https://shop.example/callback', '/silent'],
  webOrigins: ['+', 'https://shop.example'],
  bearerOnly: false,
  consentRequired: false,
  standardFlowEnabled: true,
  implicitFlowEnabled: false,
  directAccessGrantsEnabled: false,
  serviceAccountsEnabled: false,
  publicClient: false,
  protocol: 'openid-connect',
  attributes: {
    'client.secret.creation.time': '1725954834',
    'pkce.code.challenge.method': 'S256',
    'post.logout.redirect.uris': '+##https://shop.example/bye',
    'backchannel.logout.url': 'https://shop.example/logout',
    'backchannel.logout.session.required': 'true',
    'oauth2.device.authorization.grant.enabled': 'false',
    'use.refresh.tokens': 'true',
  },
  defaultClientScopes: ['web-origins', 'acr', 'roles', 'profile', 'basic', 'email'],
  optionalClientScopes: ['address', 'offline_access', 'orders:read'],
}

const convert = (more: SourceRecord = {}, attributes: SourceRecord = {}) => {
  const converted = convertKeycloakClient({
    ...APPLICATION,
    ...more,
    attributes: { ...APPLICATION.attributes, ...attributes },
  })
  if (converted === null) throw new Error('the record is no client')
  return converted
}

const membersOfNotes = (converted: ReturnType<typeof convert>) =>
  'notes' in converted ? converted.notes.map(({ member }) => member) : null

describe('clients of a Keycloak realm', () => {
  it('keeps what a web application needs to go on', () => {
    expect(convert()).toMatchObject({
      client_id: 'shop',
      secret: SECRET,
      members: {
        client_name: 'Shop',
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['https://shop.example/callback', 'https://shop.example/silent'],
        post_logout_redirect_uris: [
          'https://shop.example/callback',
          'https://shop.example/silent',
          'https://shop.example/bye',
        ],
        backchannel_logout_uri: 'https://shop.example/logout',
        backchannel_logout_session_required: true,
        scope: 'openid profile email address offline_access orders:read',
      },
    })
    expect(membersOfNotes(convert())).toEqual(['defaultClientScopes', 'clientAuthenticatorType'])
  })

  it.each<
    [what: string, more: SourceRecord, attributes: SourceRecord, members: object, notes: readonly string[]]
  >([
    [
      'a wildcard',
      { redirectUris: ['https://shop.example/*', 'https://shop.example/cb'] },
      {},
      { redirect_uris: ['https://shop.example/cb'] },
      ['redirectUris'],
    ],
    [
      'an address without TLS',
      { redirectUris: ['http://shop.example/cb', '/cb'] },
      {},
      { redirect_uris: ['https://shop.example/cb'] },
      ['redirectUris'],
    ],
    [
      'the implicit flow',
      { implicitFlowEnabled: true },
      {},
      { grant_types: ['authorization_code', 'refresh_token'] },
      ['implicitFlowEnabled'],
    ],
    [
      'the password grant',
      { directAccessGrantsEnabled: true },
      {},
      { grant_types: ['authorization_code', 'refresh_token'] },
      ['directAccessGrantsEnabled'],
    ],
    [
      'a service',
      { standardFlowEnabled: false, serviceAccountsEnabled: true },
      {},
      { grant_types: ['client_credentials'] },
      [],
    ],
    [
      'a device',
      { publicClient: true },
      { 'oauth2.device.authorization.grant.enabled': 'true' },
      {
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      },
      [],
    ],
    [
      'no PKCE of a confidential client',
      {},
      { 'pkce.code.challenge.method': '' },
      { require_pkce: false },
      ['attributes.pkce.code.challenge.method'],
    ],
    [
      'no PKCE of a public client',
      { publicClient: true },
      { 'pkce.code.challenge.method': 'plain' },
      { token_endpoint_auth_method: 'none' },
      ['attributes.pkce.code.challenge.method'],
    ],
    ['an origin of no redirect URI', { webOrigins: ['https://other.example'] }, {}, {}, ['webOrigins']],
    [
      'a key at an address',
      { clientAuthenticatorType: 'client-jwt' },
      { 'use.jwks.url': 'true', 'jwks.url': 'https://shop.example/jwks' },
      { token_endpoint_auth_method: 'private_key_jwt' },
      ['attributes.jwks.url'],
    ],
    [
      'keys',
      { clientAuthenticatorType: 'client-jwt' },
      { 'jwks.string': '{"keys":[{"kty":"OKP"}]}' },
      { jwks: { keys: [{ kty: 'OKP' }] } },
      [],
    ],
    [
      'claims and lifetimes',
      { protocolMappers: [{ name: 'team' }] },
      { 'access.token.lifespan': '900' },
      {},
      ['protocolMappers', 'attributes'],
    ],
    [
      'an API',
      { bearerOnly: true },
      {},
      { token_endpoint_auth_method: 'client_secret_basic' },
      ['bearerOnly'],
    ],
    [
      'pushed and bound requests',
      {},
      { 'require.pushed.authorization.requests': 'true', 'dpop.bound.access.tokens': 'true' },
      { require_pushed_authorization_requests: true, dpop_bound_access_tokens: true },
      [],
    ],
    ['a name of two lines', { name: 'Shop\nBank' }, {}, {}, ['name']],
  ])('of %s keeps what can be kept, and names the rest', (_, more, attributes, members, notes) => {
    const converted = convert(more, attributes)
    expect(converted).toMatchObject({ members })
    expect(membersOfNotes(converted)).toEqual(expect.arrayContaining([...notes]))
  })

  it.each([
    ['hidden by the console', '**********'],
    ['too short to be kept as a digest', 'feeble-secret'],
  ])('takes no secret that is %s', (_, secret) => {
    const converted = convert({ secret })
    expect(converted).toMatchObject({ secret: null })
    expect(membersOfNotes(converted)).toContain('secret')
    expect(JSON.stringify(converted)).not.toContain(secret)
  })

  it.each([
    ['account-console', {}, true],
    ['realm-management', {}, true],
    ['shop-realm', { bearerOnly: true }, true],
    ['saml-app', { protocol: 'saml' }, false],
    ['old', { enabled: false }, false],
  ])('leaves %s out', (clientId, more, is_built_in) => {
    expect(convert({ clientId, ...more })).toMatchObject({ client_id: clientId, is_built_in })
  })

  it('finds no client in a record of another kind', () => {
    expect(convertKeycloakClient({ username: 'ada' })).toBeNull()
  })
})
