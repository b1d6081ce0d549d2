import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

// Compiled apart, with the types of browsers.
const { createAccountAuth, createFetch, createPagesAuth } = await import(
  join(process.cwd(), 'src/sdk/browser.ts')
)
const { authorizationUrl } = await import(join(process.cwd(), 'src/sdk/browser/code-flow.ts'))

const issuer = 'https://id.example.com'
const PAGES = { issuer, client_id: 'notes', redirect_uri: 'https://notes.example.com/callback' }
const auth = { getToken: async () => 'a token' }

/** As from JavaScript: no compiler has checked the options. */
const call = (create: (options: object) => unknown, options: object) => () => create(options)
const fetching = (options: object) => call((given: object) => createFetch(auth, given), options)

describe('the options of signetd-browser', () => {
  it.each([
    ['a host without a scheme', ['api.example.com']],
    ['a host and a port without a scheme', ['localhost:3000']],
    ['another scheme', ['ftp://api.example.com']],
    ['a path, which would not narrow anything', ['https://api.example.com/v1']],
    ['a wildcard', ['https://*.example.com']],
    ['a malformed origin beside a good one', ['https://api.example.com', 'api.example.com:443']],
    ['no origin', []],
    ['a text', 'https://api.example.com'],
    ['nothing', undefined],
  ])('refuse origins with %s', (_, origins) => {
    expect(fetching({ origins })).toThrow(
      new TypeError(`createFetch: origins cannot be ${JSON.stringify(origins)}`),
    )
  })

  it.each([
    ['issuer', ['id.example.com', 'localhost:8080', `${issuer}/`, `${issuer}/path`, '', undefined]],
    ['client_id', ['', undefined, 7]],
    ['redirect_uri', ['/callback', 'notes.example.com/callback', '', undefined]],
    ['scope', ['', 'profile', 'openid_profile', 7]],
    ['resource', ['', 7]],
    ['post_logout_redirect_uri', ['', '/']],
    ['storage', ['sessionStorage', {}, null]],
  ])('refuse for the pages a wrong %s', (name, values) => {
    for (const value of values)
      expect(call(createPagesAuth, { ...PAGES, [name]: value }), JSON.stringify(value)).toThrow(
        new RegExp(`^createPagesAuth: ${name} cannot be `),
      )
  })

  it.each([
    ['issuer', ['id.example.com', `${issuer}/`, undefined]],
    ['client_id', ['', 7]],
    ['resource', ['', 7]],
  ])('refuse for the account API a wrong %s', (name, values) => {
    for (const value of values)
      expect(call(createAccountAuth, { issuer, [name]: value }), JSON.stringify(value)).toThrow(
        new RegExp(`^createAccountAuth: ${name} cannot be `),
      )
  })

  it('refuse a name that does not exist, such as one in camel case', () => {
    expect(call(createPagesAuth, { ...PAGES, postLogoutRedirectUri: 'https://notes.example.com/' })).toThrow(
      new TypeError('createPagesAuth: postLogoutRedirectUri cannot be "https://notes.example.com/"'),
    )
    expect(call(createAccountAuth, { issuer, clientId: 'notes' })).toThrow(TypeError)
    expect(fetching({ origins: ['https://api.example.com'], origin: [] })).toThrow(TypeError)
  })

  it('take what is well-formed, and what is absent', () => {
    const storage = { getItem: () => null, setItem: () => {} }
    const whole = { resource: 'urn:api', post_logout_redirect_uri: 'http://localhost:3000/', storage }
    for (const more of [{}, whole, { resource: undefined, storage: undefined }])
      expect(call(createPagesAuth, { ...PAGES, ...more })).not.toThrow()
    expect(call(createAccountAuth, { issuer: 'http://localhost:8080' })).not.toThrow()
    expect(fetching({ origins: ['https://API.example.com/', 'http://localhost:3000'] })).not.toThrow()
  })

  it('let no parameter of a sign-in be ignored', async () => {
    const begun = { state: 's', nonce: 'n', code_verifier: 'v', return_to: '/' }
    for (const name of ['resource', 'scope', 'state', 'response_type'])
      await expect(authorizationUrl(PAGES, begun, { [name]: 'x' })).rejects.toThrow(
        new TypeError(`signIn: ${name} cannot be given`),
      )
    const url = await authorizationUrl(PAGES, begun, { prompt: 'create' })
    expect(new URL(url).searchParams.get('prompt')).toBe('create')
  })
})
