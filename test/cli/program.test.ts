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
  it('prints its commands with --help, with 0', async () => {
    expect(await signetd({}, '--version')).toMatchObject({ code: 0, out: ['0.1.0'] })
    const { code, out } = await signetd({}, '--help')
    expect(code).toBe(0)
    for (const command of ['serve', 'migrate', 'keys', 'clients', 'configuration', 'doctor'])
      expect(out.join('\n')).toContain(command)
  })

  it('prints its commands on standard error without arguments, with 1', async () => {
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
    expect(err.at(-1)).toBe('run the command with --help to see what it takes')
  })

  it('runs the server with serve', async () => {
    expect(await signetd({}, 'serve')).toEqual({ code: 0, out: [], err: [], served: 1 })
  })

  it('throws an unforeseen fault on, instead of an exit code', async () => {
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
  const EXCHANGING = {
    ...GOOD,
    grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange'],
    protected_resources: ['https://api.example'],
    token_exchange: [{ audience: 'https://inventory.example', scope: 'read' }],
  }

  it('takes an internal address for logout tokens that OUTBOUND_ALLOW names, by http too, and no other', async () => {
    const CLIENTS_FILE = join(directory, 'clients.json')
    const checkAt = (backchannel_logout_uri: string) => {
      writeFileSync(CLIENTS_FILE, JSON.stringify([{ ...GOOD, backchannel_logout_uri }]))
      return signetd({ CLIENTS_FILE, OUTBOUND_ALLOW: '10.1.0.0/16' }, 'clients', 'check')
    }
    expect(await checkAt('http://10.1.255.255:8080/logout')).toMatchObject({ code: 0 })
    expect(await checkAt('https://10.1.0.0/logout')).toMatchObject({ code: 0 })
    expect(await checkAt('https://10.2.0.0/logout')).toMatchObject({ code: 2 })
  })

  it('prints the client_ids of a valid file, with 0', async () => {
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
    ['{', /, line 1: is not JSON from here on; look for /],
    ['[{\n"client_id": "a",\n}]', /, line 3: is not JSON from here on; look for /],
    ['', /, line 1: is not JSON from here on; look for /],
    ['{}', /must be a JSON array of clients$/],
    ['null', /must be a JSON array of clients$/],
    [[7], /, line 1: client number 1: must be an object, the metadata of one client$/],
    [[GOOD, {}], /, line 1: client number 2: client_id is required$/],
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
    [
      [
        {
          client_id: 'app',
          token_endpoint_auth_method: 'none',
          first_party: true,
          dpop_bound_access_tokens: true,
        },
      ],
      /dpop_bound_access_tokens has no place with first_party/,
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
    [
      [
        {
          ...GOOD,
          require_signed_request_object: true,
          jwks: { keys: [{ kty: 'RSA', n: 'AQAB', e: 'AQAB' }] },
        },
      ],
      /require_signed_request_object needs the grant type authorization_code$/,
    ],
    [
      [
        {
          ...GOOD,
          grant_types: ['authorization_code'],
          redirect_uris: ['https://app.example/'],
          require_signed_request_object: true,
        },
      ],
      /jwks is required by require_signed_request_object$/,
    ],
    [[{ ...GOOD, request_object_signing_alg: 'none' }], /request_object_signing_alg must be one of RS256, /],
    [
      [
        {
          ...GOOD,
          request_object_signing_alg: 'EdDSA',
          jwks: { keys: [{ kty: 'RSA', n: 'AQAB', e: 'AQAB' }] },
        },
      ],
      /request_object_signing_alg needs a key of the type OKP in jwks$/,
    ],
    [[{ ...GOOD, post_logout_redirect_uris: ['data:x'] }], /post_logout_redirect_uris\.0 must be https/],
    [[{ ...GOOD, backchannel_logout_uri: 'http://app.example/' }], /backchannel_logout_uri must be https/],
    [[{ ...GOOD, backchannel_logout_uri: 'cursor://app' }], /backchannel_logout_uri must be https/],
    [
      [{ ...GOOD, backchannel_logout_uri: 'http://localhost/' }],
      /http is for the addresses that OUTBOUND_ALLOW/,
    ],
    [
      [{ ...GOOD, backchannel_logout_uri: 'https://10.0.0.1/' }],
      /OUTBOUND_ALLOW does not name: add the address/,
    ],
    [[{ ...GOOD, backchannel_logout_uri: 'https://[::ffff:a00:1]/' }], /OUTBOUND_ALLOW does not name/],
    [
      [{ ...GOOD, backchannel_logout_uri: 'https://a.example/#x' }],
      /backchannel_logout_uri must have no fragment$/,
    ],
    [[{ ...GOOD, backchannel_logout_uri: 'https://a@a.example/' }], /must have no user information$/],
    [
      [{ ...GOOD, backchannel_logout_uri: '/logout' }],
      /backchannel_logout_uri must be an absolute https URL$/,
    ],
    [
      [{ ...GOOD, backchannel_logout_session_required: 1 }],
      /backchannel_logout_session_required must be true/,
    ],
    [[{ ...GOOD, logo_uri: 'http://app.example/logo.png' }], /logo_uri must be https/],
    [[{ ...GOOD, client_uri: 'app.example' }], /client_uri must be https/],
    [[{ ...GOOD, policy_uri: 'javascript:alert(1)' }], /policy_uri must be https/],
    [[{ ...GOOD, client_name: 'Shop\u202egro.knab' }], /client_name must be one line, without control/],
    [[{ ...GOOD, tos_uri: '/terms' }], /tos_uri must be https/],
    [[{ ...GOOD, contacts: [''] }], /contacts\.0 /],
    [[{ ...GOOD, default_max_age: -1 }], /default_max_age /],
    [[{ ...GOOD, scope: 'a  b' }], /scope must be scope tokens/],
    [[{ ...GOOD, scope: 'a"b' }], /scope must be scope tokens/],
    [[{ ...GOOD, refresh_grace_seconds: 3601 }], /refresh_grace_seconds /],
    [[{ ...GOOD, refresh_grace_seconds: -1 }], /refresh_grace_seconds /],
    [[{ ...GOOD, refresh_grace_seconds: 0.5 }], /refresh_grace_seconds /],
    [
      [{ ...GOOD, refresh_grace_seconds: '9' }],
      /refresh_grace_seconds must be a whole number from 0 to 3600$/,
    ],
    [
      [
        {
          client_id: 'app',
          token_endpoint_auth_method: 'none',
          first_party: true,
          refresh_grace_seconds: 61,
        },
      ],
      /refresh_grace_seconds must be 60 at most with first_party/,
    ],
    [[{ ...GOOD, audience: [''] }], /audience\.0 must not be empty$/],
    [[{ ...GOOD, audience: 7 }], /audience must be a list$/],
    [
      [{ ...GOOD, audience: 'https://*.example' }],
      /audience\.0 must not contain \*, .* register each audience$/,
    ],
    [[{ ...GOOD, protected_resources: ['*'] }], /protected_resources\.0 must not contain \*/],
    [
      [{ ...GOOD, token_exchange: [{ audience: 'urn:a', scope: '' }] }],
      /token_exchange needs the grant type /,
    ],
    [[{ ...EXCHANGING, token_exchange: [] }], /token_exchange is required by urn:/],
    [
      [{ ...GOOD, grant_types: ['refresh_token'], session_exchange: true }],
      /session_exchange needs the grant type urn:/,
    ],
    [[{ ...EXCHANGING, session_exchange: true }], /session_exchange needs the grant type refresh_token$/],
    [[{ ...EXCHANGING, protected_resources: [] }], /protected_resources is required by urn:/],
    [
      [{ ...EXCHANGING, token_endpoint_auth_method: 'none', client_secret: undefined }],
      /grant_types token-exchange needs a confidential client$/,
    ],
    [
      [{ ...EXCHANGING, token_exchange: [{ audience: 'urn:a' }, { audience: 'urn:a' }] }],
      /token_exchange must name each audience once$/,
    ],
    [
      [{ ...EXCHANGING, token_exchange: [{ audience: 'HTTP://LOCALHOST:8080/' }] }],
      /token_exchange\.0\.audience is the issuer, /,
    ],
    [
      [{ ...EXCHANGING, token_exchange: [{ audience: 'urn:a', scope: '*' }] }],
      /token_exchange\.0\.scope must not contain \*/,
    ],
    [[{ ...EXCHANGING, token_exchange: ['urn:a'] }], /token_exchange\.0 must be an object with /],
    [
      [{ ...EXCHANGING, token_exchange: [{ audience: 'urn:a', act: 1 }] }],
      /token_exchange\.0\.act is not a member/,
    ],
    [[{ ...GOOD, redirect_uris: ['https://*.example/cb'] }], /redirect_uris\.0 must not contain \*/],
    [[{ ...GOOD, redirect_uris: ['https://app.example/*'] }], /register each address$/],
    [[{ ...GOOD, redirect_uris: 'https://app.example' }], /redirect_uris must be a list$/],
    [[{ ...GOOD, scope: 'orders:*' }], /scope must not contain \*, .* register each scope token$/],
    [[{ ...GOOD, first_party: 'yes' }], /first_party must be true or false$/],
    [[{ ...GOOD, grant_types: ['implicit'] }], /grant_types\.0 must be one of .*, not "implicit"$/],
    [[{ ...GOOD, grant_types: ['client_credential'] }], /; did you mean client_credentials\?$/],
    [[{ ...GOOD, redirect_uri: 'x' }], /redirect_uri is not a member .*; did you mean redirect_uris\?$/],
    [[{ ...GOOD, clientName: 'x' }], /clientName is not a member .*; did you mean client_name\?$/],
    [[{ ...GOOD, resources: ['x'] }], /resources is not a member .*; did you mean protected_resources\?$/],
    [
      [{ ...GOOD, software_id: 'x' }],
      /software_id is not a member that Signet knows: remove it; docs\/clients\.md /,
    ],
    [[GOOD, GOOD], /client "app": client_id is registered twice: remove one /],
  ])('refuses %j in one line, with 2', async (content, expected) => {
    const { code, out, err } = await check(content)
    expect({ code, out }).toEqual({ code: 2, out: [] })
    expect(err).toEqual([expect.stringMatching(expected)])
    expect(err[0]).toMatch(/^CLIENTS_FILE \S+(?:, line \d+)?: /)
    expect(err[0]).not.toContain(SECRET)
  })

  it('prints every fault of every client at once, as JSON with --json', async () => {
    const { code, out, err } = await check(
      [
        { client_id: 'a', scope: '  ' },
        GOOD,
        { ...GOOD, client_id: 'c', client_secret: 'x', refresh_grace_seconds: 9999 },
      ],
      '--json',
    )
    expect({ code, err }).toEqual({ code: 2, err: [] })
    const { faults } = JSON.parse(out[0] ?? '') as { faults: readonly string[] }
    expect(faults.filter(fault => fault.includes('client "a"'))).not.toEqual([])
    expect(faults.filter(fault => fault.includes('client "c"'))).toHaveLength(2)
  })

  it('names the line of each fault', async () => {
    const text = `[
  {
    "client_id": "api", "client_secret": "${SECRET}",
    "grant_types": [
      "client_credentials",
      "password"
    ]
  },
  { "client_id": "web", "token_endpoint_auth_method": "none",
    "redirect_uri": ["https://app.example/cb"],
    "scope": "a  b" },
  { "client_name": "a \\"quoted\\" name, {with} [marks]",
    "token_endpoint_auth_method": "none" }
]`
    const { err } = await check(text)
    expect(err.map(line => line.replace(/^CLIENTS_FILE \S+, /, ''))).toEqual([
      expect.stringMatching(/^line 6: client "api": grant_types\.1 must be one of /),
      expect.stringMatching(/^line 11: client "web": scope /),
      expect.stringMatching(/^line 10: client "web": redirect_uri is not a member /),
      'line 12: client number 3: client_id is required',
    ])
  })

  it('reads SCOPES_FILE too, where it is set', async () => {
    const [CLIENTS_FILE, SCOPES_FILE] = ['clients.json', 'scopes.json'].map(name => join(directory, name))
    const files = { CLIENTS_FILE: CLIENTS_FILE ?? '', SCOPES_FILE: SCOPES_FILE ?? '' }
    writeFileSync(files.CLIENTS_FILE, JSON.stringify([GOOD, { client_id: '' }]))
    writeFileSync(files.SCOPES_FILE, '{"read": {}}')
    expect(await signetd(files, 'clients', 'check')).toMatchObject({
      code: 2,
      err: [
        expect.stringMatching(/^CLIENTS_FILE /),
        expect.stringMatching(/^CLIENTS_FILE /),
        expect.stringMatching(/^SCOPES_FILE .*: scope "read": title is required$/),
      ],
    })
    writeFileSync(files.CLIENTS_FILE, JSON.stringify([GOOD]))
    writeFileSync(files.SCOPES_FILE, '{"read": { "title": "Read" }}')
    expect(await signetd(files, 'clients', 'check')).toMatchObject({ code: 0, out: ['app'], err: [] })
  })

  it('says that CLIENTS_FILE is unset, or cannot be read', async () => {
    expect(await signetd({}, 'clients', 'check')).toMatchObject({
      code: 2,
      err: ['CLIENTS_FILE is unset: set it to the path of the file that lists the clients'],
    })
    const CLIENTS_FILE = join(directory, 'none.json')
    expect(await signetd({ CLIENTS_FILE }, 'clients', 'check')).toMatchObject({
      code: 2,
      err: [
        `CLIENTS_FILE ${CLIENTS_FILE} cannot be read: there is no such file; name one that is there, or unset CLIENTS_FILE`,
      ],
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
      err: 'nobody is unknown: signetd keys list prints the keys\n',
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
