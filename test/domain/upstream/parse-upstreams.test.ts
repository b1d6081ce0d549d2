import { describe, expect, it } from 'vitest'
import { parseUpstreams } from '../../../src/domain/upstream/parse-upstreams.ts'

const ENTRY = {
  id: 'google',
  issuer: 'https://accounts.google.com',
  client_id: 'c',
  client_secret: 's',
  label: 'Google',
}

const faultsOf = (json: unknown): readonly string[] => {
  const parsed = parseUpstreams(json)
  return 'faults' in parsed ? parsed.faults.map(({ message }) => message) : []
}
const upstreamOf = (entry: object) => {
  const parsed = parseUpstreams([entry])
  if ('faults' in parsed) throw new Error(parsed.faults.map(({ message }) => message).join())
  return parsed.entries[0]?.upstream
}

describe('UPSTREAMS_FILE', () => {
  it('trusts no address and opens no account unless an entry says so', () => {
    expect(upstreamOf(ENTRY)).toMatchObject({
      type: 'oidc',
      scope: 'openid profile email',
      trust_email: false,
      create_accounts: false,
      email_domains: null,
      claims: { email: 'email', zoneinfo: 'zoneinfo' },
    })
  })

  it('knows GitHub and its enterprise servers', () => {
    const { issuer: _, ...github } = { ...ENTRY, type: 'github' }
    expect(upstreamOf(github)).toMatchObject({
      issuer: 'https://github.com',
      api_url: 'https://api.github.com',
    })
    expect(upstreamOf({ ...github, issuer: 'https://git.example' })).toMatchObject({
      api_url: 'https://git.example/api/v3',
    })
  })

  it.each<readonly [change: object, fault: RegExp]>([
    [{ id: 'Google' }, /^provider "Google": id must be 1 to 32 small letters/],
    [{ id: 'a/b' }, /id must be/],
    [{ issuer: undefined }, /issuer is required/],
    [{ issuer: 'http://provider.example' }, /issuer must be an https URL/],
    [{ issuer: 'https://provider.example?a=b' }, /issuer must be an https URL/],
    [{ issuer: 'https://user@provider.example' }, /issuer must be an https URL/],
    [{ client_secret_file: 'f' }, /client_secret_file must not be there beside client_secret/],
    [{ type: 'github', client_secret: undefined }, /client_secret is required by GitHub/],
    [{ type: 'saml' }, /type must be oidc or github/],
    [{ scope: 'email' }, /scope must include openid/],
    [{ label: 'a\nb' }, /label must be one line/],
    [{ email_domains: ['Example.com'] }, /email_domains\.0 must be a domain/],
    [{ email_domains: [] }, /email_domains must not be empty/],
    [{ form_origins: ['https://a.example/path'] }, /form_origins\.0 must be an origin/],
    [{ claims: { mail: 'upn' } }, /claims\.mail is not a member that Signet knows; did you mean email\?/],
    [{ trust_emails: true }, /trust_emails is not a member that Signet knows; did you mean trust_email\?/],
  ])('refuses %o', (change, fault) => {
    expect(faultsOf([{ ...ENTRY, ...change }])).toEqual([expect.stringMatching(fault)])
  })

  it('names every fault of every entry, and an id that is there twice', () => {
    expect(faultsOf([ENTRY, { ...ENTRY, label: '' }])).toEqual([
      'provider "google": label must not be empty',
      'provider "google": id is listed twice: give one of the two another id',
    ])
    expect(faultsOf({})).toEqual(['must be a JSON array of providers'])
  })
})
