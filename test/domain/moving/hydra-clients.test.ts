import { describe, expect, it } from 'vitest'
import { convertHydraClient } from '../../../src/domain/moving/hydra-clients.ts'
import type { SourceRecord } from '../../../src/domain/moving/source-record.ts'

/** A confidential web application, as `hydra list oauth2-clients --format json` of Hydra 2 prints it. */
const APPLICATION = {
  client_id: 'shop',
  client_name: 'Shop',
  client_secret_expires_at: 0,
  client_uri: '',
  created_at: '2024-08-29T06:36:33Z',
  grant_types: ['authorization_code', 'refresh_token'],
  jwks: {},
  logo_uri: '',
  metadata: {},
  owner: '',
  policy_uri: '',
  redirect_uris: ['https://shop.example/cb'],
  request_object_signing_alg: 'RS256',
  response_types: ['code'],
  scope: 'offline_access offline openid',
  audience: ['https://api.example'],
  skip_consent: false,
  skip_logout_consent: false,
  subject_type: 'public',
  token_endpoint_auth_method: 'client_secret_post',
  tos_uri: '',
  updated_at: '2024-08-29T06:36:32.52215Z',
  userinfo_signed_response_alg: 'none',
}

const convert = (more: SourceRecord = {}) => {
  const converted = convertHydraClient({ ...APPLICATION, ...more })
  if (converted === null || !('members' in converted)) throw new Error('the record is no client')
  return converted
}

describe('clients of Ory Hydra', () => {
  it('keeps what a web application needs to go on', () => {
    expect(convert()).toEqual({
      client_id: 'shop',
      secret: null,
      members: {
        client_name: 'Shop',
        token_endpoint_auth_method: 'client_secret_post',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['https://shop.example/cb'],
        scope: 'offline_access offline openid',
        audience: ['https://api.example'],
        require_pkce: false,
      },
      notes: [expect.objectContaining({ member: 'require_pkce' })],
    })
  })

  it.each<[what: string, more: SourceRecord, members: object, notes: readonly string[]]>([
    [
      'the implicit grant',
      { grant_types: ['implicit', 'client_credentials'], response_types: ['token'] },
      { grant_types: ['client_credentials'] },
      ['grant_types', 'response_types'],
    ],
    ['no grants', { grant_types: [] }, { grant_types: ['authorization_code'] }, []],
    [
      'token exchange, which needs audiences',
      { grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange'] },
      {},
      ['grant_types'],
    ],
    [
      'keys at an address',
      { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://shop.example/jwks' },
      { token_endpoint_auth_method: 'private_key_jwt' },
      ['jwks_uri'],
    ],
    ['keys', { jwks: { keys: [{ kty: 'EC' }] } }, { jwks: { keys: [{ kty: 'EC' }] } }, []],
    [
      'a wildcard',
      { post_logout_redirect_uris: ['https://shop.example/*', 'https://shop.example/bye'] },
      { post_logout_redirect_uris: ['https://shop.example/bye'] },
      ['post_logout_redirect_uris'],
    ],
    [
      'a logout',
      { backchannel_logout_uri: 'https://shop.example/out', backchannel_logout_session_required: true },
      { backchannel_logout_uri: 'https://shop.example/out', backchannel_logout_session_required: true },
      [],
    ],
    ['a scope of Signet itself', { scope: 'signet:admin read' }, { scope: 'read' }, ['scope']],
    ['a wildcard of scope', { scope: 'read users.*' }, { scope: 'read' }, ['scope']],
    ['openid without offline_access', { scope: 'openid offline' }, { scope: 'openid offline' }, ['scope']],
    [
      'settings that no client has here',
      {
        skip_consent: true,
        metadata: { a: 1 },
        subject_type: 'pairwise',
        owner: 'ops',
        authorization_code_grant_access_token_lifespan: '1h',
      },
      {},
      ['skip_consent', 'metadata', 'subject_type', 'owner', 'lifespans'],
    ],
  ])('of %s keeps what can be kept, and names the rest', (_, more, members, notes) => {
    const converted = convert(more)
    expect(converted.members).toMatchObject(members)
    expect(converted.notes.map(({ member }) => member)).toEqual(expect.arrayContaining([...notes]))
  })
})
