import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasPostgres } from '../../support/backends.ts'
import { basic, CLIENT_CREDENTIALS } from '../../support/clients.ts'
import { startAt } from '../../support/deployment.ts'
import { createPostgresStorage, type Storage } from '../../support/storage.ts'
import { SECRET, signetd } from './support.ts'

const service = (clientId: string, more: Readonly<Record<string, unknown>> = {}) => ({
  clientId,
  secret: SECRET,
  standardFlowEnabled: false,
  serviceAccountsEnabled: true,
  defaultClientScopes: ['read'],
  ...more,
})

const realm = (...clients: readonly object[]) => JSON.stringify({ realm: 'shop', users: [], clients })

const hydra = (...items: readonly object[]) => JSON.stringify({ items, next_page_token: '' })

describe('signetd clients import --dry-run', () => {
  const run = (words: readonly string[], input: string) =>
    signetd({}, ['clients', 'import', '-', '--dry-run', ...words], input)

  it('judges every client without a database, and names what each loses', async () => {
    const clients = [
      service('jobs'),
      service('account'),
      service('web', { standardFlowEnabled: true, redirectUris: ['https://web.example/*'] }),
      service('jobs'),
      { clientId: 'spa', publicClient: true, redirectUris: ['https://spa.example/cb'] },
    ]
    const { code, out, err } = await run(['--from', 'keycloak'], realm(...clients))
    expect(out.filter(line => !line.startsWith('note\t')).map(line => line.split('\t').slice(0, 2))).toEqual([
      ['added', 'jobs'],
      ['left out', 'account'],
      ['refused', 'web'],
      ['refused', 'jobs'],
      ['added', 'spa'],
    ])
    expect(out).toContainEqual(
      expect.stringMatching(
        /^note\tweb\tredirectUris\thttps:\/\/web\.example\/\* must not contain \*.*\t.+$/,
      ),
    )
    expect(out).toContainEqual(
      expect.stringMatching(/^refused\tweb\tclient "web": redirect_uris is required/),
    )
    expect(err).toEqual(['nothing is stored; added: 2, refused: 2, left out: 1'])
    expect(code).toBe(1)
    expect(out.join()).not.toContain(SECRET)
  })

  it('warns of a page of Hydra after which others follow, and of no last page', async () => {
    const page = (client_id: string, next_page_token: string) => ({
      items: [{ client_id, grant_types: ['client_credentials'], client_secret: SECRET }],
      next_page_token,
    })
    const warned = [expect.stringMatching(/^- ends with a next_page_token: the provider has more clients/)]
    const judged = async (text: unknown) => (await run(['--from', 'hydra'], JSON.stringify(text))).err
    expect((await judged(page('jobs', 'abc'))).slice(0, -1)).toEqual(warned)
    expect((await judged([page('jobs', 'abc'), page('more', 'def')])).slice(0, -1)).toEqual(warned)
    expect(await judged([page('jobs', 'abc'), page('more', '')])).toHaveLength(1)
  })

  it('prints no control characters of the file', async () => {
    const { out } = await run(
      ['--from', 'keycloak'],
      realm(service('jobs', { clientId: 'a\u001b[2J\tb\nc' })),
    )
    expect(out.join('')).not.toMatch(/[^\P{Cc}\t]/u)
    expect(out[0]?.split('\t')).toHaveLength(3)
  })

  it.each([
    ['{', /is not JSON/],
    ['{"realm": "empty"}', /has no clients/],
    ['[7]', /has no clients/],
    [`${'['.repeat(65)}${']'.repeat(65)}`, /is nested more than 64 deep/],
    [`${'['.repeat(64)}${']'.repeat(64)}`, /has no clients/],
    [JSON.stringify('['.repeat(65)), /has no clients/],
  ])('refuses a file that is no export with 2 (%#)', async (input, expected) => {
    const { code, out, err } = await run(['--from', 'keycloak'], input)
    expect({ code, out }).toEqual({ code: 2, out: [] })
    expect(err).toEqual([expect.stringMatching(expected)])
  })

  it('refuses a provider that it does not know', async () => {
    expect(await run(['--from', 'dex'], realm())).toEqual({
      code: 1,
      out: [],
      err: ['--from must be one of keycloak, hydra'],
    })
  })
})

describe.skipIf(!hasPostgres)('signetd clients import', () => {
  let storage: Storage
  beforeAll(async () => {
    storage = await createPostgresStorage()
  })
  afterAll(() => storage.remove())
  const run = async (input: string, ...words: readonly string[]) => {
    const { code, out, err } = await signetd(
      storage.environment,
      ['clients', 'import', '-', '--json', ...words],
      input,
    )
    return { code, err, told: out.map(line => JSON.parse(line) as Readonly<Record<string, unknown>>) }
  }

  it('adds clients of Keycloak whose secrets go on, and changes none of them when it is run again', async () => {
    const first = realm(service('first'), service('second'))
    expect(await run(first, '--from', 'keycloak')).toMatchObject({
      code: 0,
      told: [
        { client_id: 'first', outcome: 'added' },
        { client_id: 'second', outcome: 'added' },
      ],
      err: ['added: 2'],
    })
    const changed = realm(service('first', { defaultClientScopes: ['write'] }), service('second'))
    expect(await run(changed, '--from', 'keycloak')).toMatchObject({
      code: 1,
      told: [
        {
          client_id: 'first',
          outcome: 'kept',
          reason: expect.stringMatching(/^differs in scope: .*--replace/),
        },
        { client_id: 'second', outcome: 'unchanged' },
      ],
    })
    expect(await run(first, '--from', 'keycloak')).toMatchObject({ code: 0, err: ['unchanged: 2'] })
    expect(await run(changed, '--from', 'keycloak', '--replace')).toMatchObject({
      code: 0,
      err: ['replaced: 1, unchanged: 1'],
    })
    const signet = await startAt(storage)
    try {
      const { status, body } = await signet.token(CLIENT_CREDENTIALS, basic('first', SECRET))
      expect({ status, scope: body['scope'] }).toEqual({ status: 200, scope: 'write' })
    } finally {
      await signet.close()
    }
  }, 60_000)

  it('makes the secrets that Hydra does not export where it is asked to, once', async () => {
    const clients = hydra(
      { client_id: 'machine', grant_types: ['client_credentials'], scope: 'read' },
      { client_id: 'app', token_endpoint_auth_method: 'none', redirect_uris: ['https://app.example/cb'] },
    )
    const without = await run(clients, '--from', 'hydra')
    expect(without).toMatchObject({
      code: 1,
      told: [
        { client_id: 'machine', outcome: 'refused', reason: expect.stringContaining('--generate-secrets') },
        { client_id: 'app', outcome: 'added' },
      ],
    })
    const made = await run(clients, '--from', 'hydra', '--generate-secrets')
    expect(made).toMatchObject({ code: 0, err: ['added: 1, unchanged: 1'] })
    expect(made.told[0]?.['client_secret']).toMatch(/^[\w-]{43}$/)
    const again = await run(clients, '--from', 'hydra', '--generate-secrets', '--replace')
    expect(again).toMatchObject({ code: 0, err: ['unchanged: 2'] })
    expect(JSON.stringify(again.told)).not.toContain('client_secret"')
  })

  it('lets one of two imports add a client', async () => {
    const input = realm(service('raced'))
    const both = await Promise.all([run(input, '--from', 'keycloak'), run(input, '--from', 'keycloak')])
    const outcomes = both.map(({ told }) => told[0]?.['outcome'])
    expect(outcomes.filter(outcome => outcome === 'added')).toHaveLength(1)
    expect(await run(input, '--from', 'keycloak')).toMatchObject({ code: 0, err: ['unchanged: 1'] })
  })
})
