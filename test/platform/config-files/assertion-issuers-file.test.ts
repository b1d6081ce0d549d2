import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StartFault } from '../../../src/domain/base/start-fault.ts'
import { readAssertionIssuersFile } from '../../../src/platform/config-files/assertion-issuers-file.ts'

const POLICY = { issuer: 'https://id.example', default_audience: 'https://api.example', outbound_allow: [] }
const PUBLIC = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }
const GOOD = {
  issuer: 'https://corp.example',
  jwks_uri: 'https://corp.example/jwks',
  subject: { by: 'external_id', prefix: 'corp|' },
}
const OTHER = { ...GOOD, issuer: 'https://other.example', subject: { by: 'external_id', prefix: 'other|' } }
const byMail = (...domains: readonly string[]) => ({ by: 'email', domains })

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'signet-issuers-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const read = (content: unknown) => {
  const file = join(directory, 'issuers.json')
  writeFileSync(file, JSON.stringify(content, null, 1))
  return readAssertionIssuersFile(file, POLICY)
}
const faultsOf = async (content: unknown): Promise<readonly string[]> => {
  const failed = await read(content).catch((error: unknown) => error)
  return failed instanceof StartFault ? failed.lines : []
}

describe('ASSERTION_ISSUERS_FILE', () => {
  it('lists issuers, which may do nothing that it does not say', async () => {
    const issuers = await read([
      GOOD,
      OTHER,
      { ...GOOD, issuer: 'https://m.example', subject: byMail('m.example') },
    ])
    expect([...issuers.keys()]).toEqual([
      'https://corp.example',
      'https://other.example',
      'https://m.example',
    ])
    expect(issuers.get(GOOD.issuer)).toMatchObject({ clients: [], scope: '', global_token_revocation: false })
  })

  it.each<[string, unknown, RegExp]>([
    ['no array', {}, /must be a JSON array/],
    ['no object', ['x'], /must be an object/],
    ['an unknown member', [{ ...GOOD, audience: 'x' }], /audience is not a member that Signet knows/],
    ['no issuer', [{ ...GOOD, issuer: undefined }], /issuer /],
    ['an issuer by http', [{ ...GOOD, issuer: 'http://corp.example' }], /issuer must be https/],
    ['this server', [{ ...GOOD, issuer: POLICY.issuer }], /issuer is this server itself/],
    ['an issuer twice', [GOOD, { ...OTHER, issuer: GOOD.issuer }], /issuer is listed twice/],
    ['no keys', [{ ...GOOD, jwks_uri: undefined }], /jwks_uri or jwks is required/],
    ['keys twice', [{ ...GOOD, jwks: { keys: [PUBLIC] } }], /jwks_uri or jwks is required, and not both/],
    [
      'keys by http',
      [{ ...GOOD, jwks_uri: 'http://corp.example/jwks' }],
      /jwks_uri must be https to a public/,
    ],
    [
      'keys at an internal address',
      [{ ...GOOD, jwks_uri: 'https://169.254.169.254/' }],
      /jwks_uri must be https to a public/,
    ],
    [
      'a private key',
      [{ ...GOOD, jwks_uri: undefined, jwks: { keys: [{ ...PUBLIC, d: 'd' }] } }],
      /public keys only/,
    ],
    [
      'a secret as key',
      [{ ...GOOD, jwks_uri: undefined, jwks: { keys: [{ kty: 'oct', k: 'k' }] } }],
      /kty must be one of/,
    ],
    ['no subject', [{ ...GOOD, subject: undefined }], /subject must be/],
    ['an unknown way', [{ ...GOOD, subject: { by: 'name' } }], /subject/],
    ['e-mail without domains', [{ ...GOOD, subject: byMail() }], /must name a domain/],
    ['a domain in capitals', [{ ...GOOD, subject: byMail('A.example') }], /must be a domain in lower case/],
    ['a wildcard', [{ ...GOOD, subject: byMail('*.example') }], /must be a domain in lower case/],
    ['one prefix twice', [GOOD, { ...OTHER, subject: GOOD.subject }], /could name the people of another/],
    [
      'no prefix beside another',
      [GOOD, { ...OTHER, subject: { by: 'external_id' } }],
      /could name the people of another/,
    ],
    [
      'a prefix of a prefix',
      [GOOD, { ...OTHER, subject: { by: 'external_id', prefix: 'corp|x' } }],
      /could name the people/,
    ],
    [
      'one domain twice',
      [
        { ...GOOD, subject: byMail('a.example') },
        { ...OTHER, subject: byMail('b.example', 'a.example') },
      ],
      /could name the people/,
    ],
    ['a malformed scope', [{ ...GOOD, scope: 'a  b' }], /scope must be scope tokens/],
  ])('refuses %s, with a line for each fault', async (_, content, expected) => {
    const faults = await faultsOf(content)
    expect(faults[0]).toMatch(expected)
    expect(faults[0]).toMatch(/^ASSERTION_ISSUERS_FILE \S+, line \d+: /)
  })
})
