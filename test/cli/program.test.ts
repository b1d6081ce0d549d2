import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { SIGNETD, startProgram } from '../support/process.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'signet-cli-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const signetd = async (environment: Record<string, string>, ...words: readonly string[]) => {
  const out: string[] = []
  const err: string[] = []
  let served = 0
  const code = await runProgram(
    words,
    { environment, out: line => out.push(line), err: line => err.push(line) },
    async () => {
      served++
    },
  )
  return { code, out, err, served }
}

describe('signetd', () => {
  it('tells its commands when it is asked, with 0', async () => {
    expect(await signetd({}, '--version')).toMatchObject({ code: 0, out: ['0.1.0'] })
    const { code, out } = await signetd({}, '--help')
    expect(code).toBe(0)
    for (const command of ['serve', 'migrate', 'keys', 'clients', 'configuration', 'doctor'])
      expect(out.join('\n')).toContain(command)
  })

  it('tells them on standard error when it is given none, with 1', async () => {
    const { code, out, err } = await signetd({})
    expect({ code, out }).toEqual({ code: 1, out: [] })
    expect(err.join('\n')).toContain('Usage: signetd')
  })

  it.each([
    [['serv'], /unknown command 'serv'/],
    [['keys', 'rotat'], /too many arguments/],
    [['migrate', '--nonsense'], /unknown option '--nonsense'/],
    [['keys', 'retire'], /missing required argument 'kid'/],
  ])('refuses %j with 1 and says why', async (words, expected) => {
    const { code, out, err } = await signetd({}, ...words)
    expect({ code, out }).toEqual({ code: 1, out: [] })
    expect(err.join('\n')).toMatch(expected)
  })

  it('serves', async () => {
    expect(await signetd({}, 'serve')).toEqual({ code: 0, out: [], err: [], served: 1 })
  })

  it('passes an unforeseen fault on, which is no exit code', async () => {
    const broken = runProgram(['serve'], { environment: {}, out: () => {}, err: () => {} }, () =>
      Promise.reject(new Error('unforeseen')),
    )
    await expect(broken).rejects.toThrow('unforeseen')
  })
})

describe('signetd configuration', () => {
  it('prints docs/configuration.md as it stands', async () => {
    const { code, out } = await signetd({}, 'configuration')
    expect(code).toBe(0)
    expect(`${out.join('\n')}\n`).toBe(readFileSync('docs/configuration.md', 'utf8'))
  })
})

describe('signetd clients check', () => {
  const check = (content: unknown, ...more: readonly string[]) => {
    const CLIENTS_FILE = join(directory, 'clients.json')
    writeFileSync(CLIENTS_FILE, typeof content === 'string' ? content : JSON.stringify(content))
    return signetd({ CLIENTS_FILE }, 'clients', 'check', ...more)
  }
  const SECRET = 'a-secret-of-a-confidential-client-0123456789'
  const GOOD = { client_id: 'app', client_secret: SECRET, grant_types: ['client_credentials'] }

  it('names the clients, with 0', async () => {
    const other = {
      client_id: 'spa',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['https://spa.example/cb'],
    }
    expect(await check([GOOD, other])).toMatchObject({ code: 0, out: ['app', 'spa'], err: [] })
    const web = {
      client_id: 'web',
      client_secret: SECRET,
      client_uri: 'https://web.example',
      logo_uri: 'http://localhost:3000/logo.png',
      contacts: ['people@web.example'],
      redirect_uris: ['https://web.example/callback'],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
      require_pkce: false,
      require_pushed_authorization_requests: true,
      default_max_age: 0,
      post_logout_redirect_uris: ['https://web.example/bye', 'com.example.web:/bye'],
      backchannel_logout_uri: 'https://web.example/logout',
    }
    expect(await check([web])).toMatchObject({ code: 0, out: ['web'], err: [] })
    expect(await check([GOOD], '--json')).toMatchObject({ code: 0, out: ['{"client_ids":["app"]}'] })
    expect(await check([])).toMatchObject({ code: 0, out: [] })
  })

  it.each([
    ['{', /is not JSON$/],
    ['{}', /must be a JSON array of clients$/],
    ['null', /must be a JSON array of clients$/],
    [[7], /client 0: /],
    [[{}], /client 0: client_id /],
    [[{ ...GOOD, client_id: '' }], /client_id must be 1 to 255 printable/],
    [[{ ...GOOD, client_id: 'ä' }], /client_id must be 1 to 255 printable/],
    [
      [{ ...GOOD, client_secret: 'a'.repeat(31) }],
      /client_secret must be 32 characters or more; make one with: openssl/,
    ],
    [[{ client_id: 'app' }], /client_secret is required by client_secret_basic; make one/],
    [[{ ...GOOD, token_endpoint_auth_method: 'client_secret_jwt' }], /token_endpoint_auth_method /],
    [
      [{ client_id: 'app', client_secret: SECRET, token_endpoint_auth_method: 'none' }],
      /client_secret has no use with none/,
    ],
    [[{ client_id: 'app', token_endpoint_auth_method: 'private_key_jwt' }], /jwks is required/],
    [
      [{ client_id: 'app', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [] } }],
      /jwks\.keys /,
    ],
    [
      [
        {
          client_id: 'app',
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: { keys: [{ kty: 'RSA', d: 'x' }] },
        },
      ],
      /must hold public keys only/,
    ],
    [
      [
        {
          client_id: 'app',
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: { keys: [{ kty: 'oct', k: 'x' }] },
        },
      ],
      /jwks\.keys\.0/,
    ],
    [[{ ...GOOD, first_party: true }], /first_party is for public clients/],
    [
      [{ client_id: 'app', token_endpoint_auth_method: 'none', grant_types: ['client_credentials'] }],
      /client_credentials needs a confidential client/,
    ],
    [[{ client_id: 'first-party', token_endpoint_auth_method: 'none' }], /it must be first_party/],
    [[{ ...GOOD, redirect_uris: ['http://app.example/cb'] }], /redirect_uris\.0 must be https/],
    [[{ ...GOOD, redirect_uris: ['https://app.example/cb#x'] }], /redirect_uris\.0/],
    [[{ ...GOOD, redirect_uris: ['javascript:alert(1)'] }], /redirect_uris\.0/],
    [[{ ...GOOD, redirect_uris: ['https://app.example/', 'blob:x'] }], /redirect_uris\.1/],
    [[{ ...GOOD, grant_types: ['authorization_code'] }], /redirect_uris is required by authorization_code$/],
    [[{ ...GOOD, response_types: ['token'] }], /response_types must be \[\] or \["code"\]$/],
    [[{ ...GOOD, response_types: ['code'] }], /response_types code needs the grant type authorization_code$/],
    [
      [{ client_id: 'app', token_endpoint_auth_method: 'none', require_pkce: false }],
      /require_pkce false is for confidential clients only$/,
    ],
    [
      [{ ...GOOD, require_pushed_authorization_requests: true }],
      /require_pushed_authorization_requests needs the grant type authorization_code$/,
    ],
    [[{ ...GOOD, post_logout_redirect_uris: ['data:x'] }], /post_logout_redirect_uris\.0 must be https/],
    [[{ ...GOOD, backchannel_logout_uri: 'http://app.example/' }], /backchannel_logout_uri must be https/],
    [[{ ...GOOD, backchannel_logout_uri: 'cursor://app' }], /backchannel_logout_uri must be https/],
    [[{ ...GOOD, logo_uri: 'http://app.example/logo.png' }], /logo_uri must be https/],
    [[{ ...GOOD, client_uri: 'app.example' }], /client_uri must be https/],
    [[{ ...GOOD, policy_uri: 'javascript:alert(1)' }], /policy_uri must be https/],
    [[{ ...GOOD, tos_uri: '/terms' }], /tos_uri must be https/],
    [[{ ...GOOD, contacts: [''] }], /contacts\.0 /],
    [[{ ...GOOD, default_max_age: -1 }], /default_max_age /],
    [[{ ...GOOD, scope: 'a  b' }], /scope must be scope tokens/],
    [[{ ...GOOD, scope: 'a"b' }], /scope must be scope tokens/],
    [[{ ...GOOD, refresh_grace_seconds: 61 }], /refresh_grace_seconds /],
    [[{ ...GOOD, refresh_grace_seconds: -1 }], /refresh_grace_seconds /],
    [[{ ...GOOD, refresh_grace_seconds: 0.5 }], /refresh_grace_seconds /],
    [[{ ...GOOD, audience: [''] }], /audience/],
    [[GOOD, GOOD], /client_id app is registered twice$/],
  ])('refuses %j in one line, with 2', async (content, expected) => {
    const { code, out, err } = await check(content)
    expect({ code, out }).toEqual({ code: 2, out: [] })
    expect(err).toEqual([expect.stringMatching(expected)])
    expect(err[0]).toMatch(/^CLIENTS_FILE /)
    expect(err[0]).not.toContain(SECRET)
  })

  it('says every fault of every client at once, in data too', async () => {
    const { code, out, err } = await check(
      [
        { client_id: 'a', scope: '  ' },
        GOOD,
        { ...GOOD, client_id: 'c', client_secret: 'x', refresh_grace_seconds: 99 },
      ],
      '--json',
    )
    expect({ code, err }).toEqual({ code: 2, err: [] })
    const { faults } = JSON.parse(out[0] ?? '') as { faults: readonly string[] }
    expect(faults.filter(fault => fault.includes('client 0'))).not.toEqual([])
    expect(faults.filter(fault => fault.includes('client 2'))).toHaveLength(2)
  })

  it('says that there is no file, or none to be read', async () => {
    expect(await signetd({}, 'clients', 'check')).toMatchObject({ code: 2, err: ['CLIENTS_FILE is unset'] })
    const CLIENTS_FILE = join(directory, 'none.json')
    expect(await signetd({ CLIENTS_FILE }, 'clients', 'check')).toMatchObject({
      code: 2,
      err: [`CLIENTS_FILE ${CLIENTS_FILE}: cannot be read`],
    })
  })
})

describe('the built command', () => {
  const run = async (environment: Record<string, string>, ...words: readonly string[]) => {
    const program = startProgram(environment, [process.execPath, SIGNETD, ...words])
    const { code } = await program.ended
    return { code, out: program.out(), err: program.err() }
  }

  it('writes to the right stream and ends with the code of its result', async () => {
    const KEYS_DIR = join(directory, 'keys')
    expect(await run({ KEYS_DIR }, 'keys', 'rotate', '--json')).toMatchObject({ code: 0, err: '' })
    const listed = await run({ KEYS_DIR }, 'keys', 'list', '--json')
    expect(JSON.parse(listed.out)).toMatchObject({ keys: [{ state: 'signing' }] })
    expect(await run({ KEYS_DIR }, 'keys', 'revoke', 'nobody')).toEqual({
      code: 1,
      out: '',
      err: 'nobody is unknown\n',
    })
    expect(await run({ DATABASE_URL: 'x' }, 'migrate')).toMatchObject({ code: 2, out: '' })
    expect(await run({}, 'nonsense')).toMatchObject({ code: 1, out: '' })
    expect(await run({ PORT: 'x' }, 'serve')).toEqual({
      code: 2,
      out: '',
      err: 'signetd: PORT must be a whole number, not "x"\n',
    })
  })
})
