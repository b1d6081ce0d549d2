import { describe, expect, it } from 'vitest'
import { judgeProfile, type ProfileFields } from '../../../src/domain/account/profile.ts'

const EMPTY = {
  name: '',
  given_name: '',
  family_name: '',
  preferred_username: '',
  picture: '',
  locale: '',
  zoneinfo: '',
}
const judge = (fields: Partial<ProfileFields>) => judgeProfile({ ...EMPTY, ...fields })

describe('OpenID Connect Core §5.1 – the profile that a person fills in', () => {
  it('may be empty', () => {
    const nothing = Object.fromEntries(Object.keys(EMPTY).map(name => [name, null]))
    expect(judge({})).toEqual({ change: nothing })
    expect(judge({ name: '  ' })).toEqual({ change: nothing })
  })

  it('leaves out what is not given', () => {
    expect(judgeProfile({ locale: ' de ' })).toEqual({ change: { locale: 'de' } })
    expect(judgeProfile({})).toEqual({ change: {} })
  })

  it.each([
    ['name', 'x'.repeat(200), 'x'.repeat(201)],
    ['name', '<b>Ada</b>', 'Ada\u0007'],
    ['given_name', '\ud83d\ude00', '\ud83d'],
    ['picture', 'https://img.example/\ud83d\ude00', 'https://img.example/\ud83d'],
    ['picture', 'https://img.example/a.png', 'http://img.example/a.png'],
    ['picture', `https://img.example/${'a'.repeat(2_028)}`, `https://img.example/${'a'.repeat(2_029)}`],
    ['picture', 'https://img.example/?a=1', 'https://img.example/"onerror'],
    ['picture', 'https://img.example/%20', 'javascript:alert(1)'],
    ['locale', 'de-CH', 'German'],
    ['zoneinfo', 'Europe/Berlin', 'Mars/Olympus'],
    ['zoneinfo', 'UTC', '+02:00'],
  ] as const)('takes a %s of %j, and refuses %j', (name, good, bad) => {
    expect(judge({ [name]: good })).toMatchObject({ change: { [name]: good } })
    expect(judge({ [name]: bad })).toEqual({ errors: [{ pointer: `#/${name}`, detail: expect.any(String) }] })
  })
})
