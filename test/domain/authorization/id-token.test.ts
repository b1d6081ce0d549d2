import { describe, expect, it } from 'vitest'
import type { Person } from '../../../src/domain/account/profile.ts'
import { claimsOf, idTokenClaims } from '../../../src/domain/authorization/id-token.ts'
import { CLAIMS } from '../../../src/domain/oauth/identity-claims.ts'

const PERSON: Person = {
  id: '0198c0de-0000-7000-8000-000000000001',
  name: 'Ada Lovelace',
  given_name: 'Ada',
  family_name: 'Lovelace',
  preferred_username: 'ada',
  picture: 'https://pictures.example/ada.png',
  locale: 'en-GB',
  zoneinfo: 'Europe/London',
  email: 'ada@people.example',
  email_verified_at: new Date('2026-01-02T03:04:05Z'),
  updated_at: new Date('2026-01-02T03:04:05.678Z'),
}

const PROFILE = {
  name: 'Ada Lovelace',
  given_name: 'Ada',
  family_name: 'Lovelace',
  preferred_username: 'ada',
  picture: 'https://pictures.example/ada.png',
  locale: 'en-GB',
  zoneinfo: 'Europe/London',
  updated_at: 1767323045,
}

const token = (more: Partial<Parameters<typeof idTokenClaims>[0]> = {}) =>
  idTokenClaims({
    issuer: 'https://id.example',
    family: {
      id: '0198c0de-0000-7000-8000-000000000002',
      client_id: 'web',
      auth_time: new Date('2026-01-02T03:00:00.999Z'),
      amr: ['pwd'],
    },
    person: PERSON,
    nonce: 'n-0S6_WzA2Mj',
    scope: 'openid',
    access_token: 'jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y',
    iat: 1767323100,
    exp: 1767324000,
    ...more,
  })

describe('OpenID Connect Core §2 – the claims of an ID token', () => {
  it('say who signed in, when and how, and nothing more for the scope openid', () => {
    expect(token()).toEqual({
      iss: 'https://id.example',
      sub: PERSON.id,
      aud: 'web',
      exp: 1767324000,
      iat: 1767323100,
      auth_time: 1767322800,
      nonce: 'n-0S6_WzA2Mj',
      at_hash: '77QmUPtjPfzWtF2AnpK9RQ',
      acr: 'urn:signet:acr:pwd',
      amr: ['pwd'],
      sid: '0198c0de-0000-7000-8000-000000000002',
    })
  })

  it('have no nonce where the request had none (§3.1.3.7), and no amr for a sign-in at another issuer', () => {
    const family = { id: 'a', client_id: 'web', auth_time: new Date(1000), amr: [] }
    const claims = token({ nonce: null, family })
    expect(['nonce' in claims, 'amr' in claims, claims['auth_time']]).toEqual([false, false, 1])
    expect(claims['acr']).toBe('urn:signet:acr:pwd')
  })

  it('have no auth_time where another issuer has not said when the person signed in', () => {
    const family = { id: 'a', client_id: 'web', auth_time: new Date(0), amr: [] }
    expect(token({ family })).not.toHaveProperty('auth_time')
  })

  it('hold the claims of the person that the scope asks for, and no roles', () => {
    const claims = token({ scope: 'openid email profile orders:read offline_access' })
    expect(claims).toMatchObject({ ...PROFILE, email: 'ada@people.example', email_verified: true })
    expect(Object.keys(claims).filter(name => !CLAIMS.includes(name))).toEqual([])
  })

  it('do not let the person’s claims replace those of the sign-in', () => {
    expect(token({ scope: 'openid profile' })).toMatchObject({ sub: PERSON.id, aud: 'web' })
  })
})

describe('OpenID Connect Core §5.4 – the claims of a scope', () => {
  it.each([
    ['', {}],
    ['orders:read offline_access', {}],
    ['openid', { sub: PERSON.id }],
    ['profile', PROFILE],
    ['email', { email: 'ada@people.example', email_verified: true }],
    ['openid  email', { sub: PERSON.id, email: 'ada@people.example', email_verified: true }],
    ['Email', {}],
  ])('are for %j', (scope, claims) => {
    expect(claimsOf(PERSON, scope)).toEqual(claims)
  })

  it('are left out where the person has not filled them in (§5.3.2)', () => {
    const bare = { ...PERSON, name: null, picture: null, zoneinfo: null, email_verified_at: null }
    const { name: _, picture: __, zoneinfo: ___, ...left } = PROFILE
    expect(claimsOf(bare, 'profile')).toEqual(left)
    expect(claimsOf(bare, 'email')).toEqual({ email: 'ada@people.example', email_verified: false })
  })
})
