import { describe, expect, it } from 'vitest'
import { idTokenClaims } from '../../../src/domain/authorization/id-token.ts'
import { CLAIMS } from '../../../src/domain/oauth/identity-claims.ts'
import {
  EXTRA_CLAIMS_MAX_BYTES,
  extraClaimsOf,
  isReservedClaim,
  judgeExtraClaims,
  withExtraClaims,
} from '../../../src/domain/sign-in/extra-claims.ts'

/** As a hook's answer is read. */
const judge = (json: string) => judgeExtraClaims(JSON.parse(json))
const nested = (levels: number) => `{"a":${'['.repeat(levels)}1${']'.repeat(levels)}}`
const ofBytes = (bytes: number) => JSON.stringify({ a: 'a'.repeat(bytes - '{"a":""}'.length) })
const named = (count: number) =>
  JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`c${index}`, 1])))

const NAMES = {
  name: 'n',
  given_name: 'g',
  family_name: 'f',
  preferred_username: 'p',
  picture: 'p',
  locale: 'l',
  zoneinfo: 'z',
}
const RESERVED = [
  'iss sub aud exp nbf iat jti scope client_id roles acr amr auth_time sid cnf act may_act',
  'azp nonce at_hash status active authorization_details email email_verified',
  'credentials_hash sign_in_client_id Sub EXP \u017fub to\u212aen_type signet_admin',
  'Signet:admin signet',
].flatMap(names => names.split(' '))

describe('extra claims', () => {
  it('are taken as they are written, but for those that are null', () => {
    const claims = { tenant: 'acme', groups: ['a', 'b'], plan: { seats: 5, trial: null, rate: 0.5 } }
    expect(judgeExtraClaims({ ...claims, unit: null })).toEqual({ claims, ignored: [] })
    expect(judge('{}')).toEqual({ claims: {}, ignored: [] })
  })

  it.each([
    ['bytes', ofBytes(EXTRA_CLAIMS_MAX_BYTES), ofBytes(EXTRA_CLAIMS_MAX_BYTES + 1)],
    ['bytes of text that is not ASCII', `{"a":"${'ü'.repeat(508)}"}`, `{"a":"${'ü'.repeat(509)}"}`],
    ['claims', named(32), named(33)],
    ['levels', nested(4), nested(5)],
    ['a name', `{"${'n'.repeat(128)}":1}`, `{"${'n'.repeat(129)}":1}`],
    ['a name at all', '{"n":1}', '{"":1}'],
    ['whole numbers', '{"a":9007199254740991}', '{"a":9007199254740993}'],
    ['whole numbers below zero', '{"a":-9007199254740991}', '{"a":-12345678901234567890}'],
    ['finite numbers', '{"a":1.5e-300}', '{"a":1e400}'],
    ['numbers that are nested', '{"a":{"b":[1]}}', '{"a":{"b":[1e400]}}'],
    ['text', String.raw`{"a":"\u0001😀"}`, String.raw`{"a":"\u0000"}`],
    ['whole characters', String.raw`{"a":"\ud83d\ude00"}`, String.raw`{"a":"\ud83d"}`],
    ['whole characters in names', '{"a":{"b":1}}', String.raw`{"a":{"\ude00":1}}`],
    ['an object', '{"a":1}', '["a"]'],
    ['members', '{"a":{"b":1}}', '{"a":{"__proto__":1}}'],
  ])('are bounded in %s', (_name, taken, refused) => {
    expect(judge(taken)).toMatchObject({ ignored: [] })
    expect(judge(refused)).toBeNull()
  })

  it.each([undefined, null, true, 'text', 1])('are no claims: %s', value => {
    expect(judgeExtraClaims(value)).toBeNull()
  })

  it.each(RESERVED)('never have the reserved name %s', name => {
    expect(judgeExtraClaims({ [name]: 'x', tenant: 'acme' })).toEqual({
      claims: { tenant: 'acme' },
      ignored: [name],
    })
    expect(extraClaimsOf({ [name]: 'x' })).toBeNull()
  })

  it('never have a prototype', () => {
    expect(judge('{"__proto__":{"admin":true},"tenant":"acme"}')).toEqual({
      claims: { tenant: 'acme' },
      ignored: ['__proto__'],
    })
  })

  it.each(['groups', 'entitlements', 'permissions', 'tenant', 'signetic', 'https://signet.example/plan'])(
    'may have the name %s',
    name => expect(isReservedClaim(name)).toBe(false),
  )

  it('have no name of an ID token', () => {
    const family = { id: 's', client_id: 'c', auth_time: new Date(), amr: ['pwd'] }
    const person = { ...NAMES, id: 'u', email: 'e', email_verified_at: null, updated_at: new Date() }
    const told = { issuer: 'i', nonce: 'n', scope: 'openid profile email', access_token: 't', iat: 1, exp: 2 }
    const names = Object.keys(idTokenClaims({ ...told, family, person }))
    expect([...names, ...CLAIMS].filter(name => !isReservedClaim(name))).toEqual([])
  })

  it('are below the claims of the server, also where a row has reserved ones', () => {
    const own = { sub: 'ada', scope: 'read' }
    const row = { sub: 'eve', cnf: { jkt: 'x' }, tenant: 'acme' }
    expect(withExtraClaims(own, row)).toEqual({ ...own, tenant: 'acme' })
    expect(withExtraClaims(own, null)).toBe(own)
  })
})
