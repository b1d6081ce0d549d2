import { generateKeyPairSync } from 'node:crypto'
import { decodeJwt, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEVICE_GRANT } from '../../../src/domain/authorization/device-code.ts'
import { createClientRegistrations } from '../../../src/store/clients/client-registrations.ts'
import { newEmail } from '../../support/ask.ts'
import { API, CLIENTS, OTHER_API } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import {
  answerOf,
  CODE_CHALLENGE,
  CODE_VERIFIER,
  createPerson,
  headingOf,
  queryOf,
  type Shown,
} from '../../support/pages/person.ts'
import { type DocumentHost, openDocumentHost } from '../../support/services/document-host.ts'

const CALLBACK = 'https://agent.example/callback'

let deployment: Deployment
let host: DocumentHost
let signet: Instance
const { clock, advance, reset } = createClock()
beforeAll(async () => {
  host = await openDocumentHost()
  deployment = await openDeployment([
    ...CLIENTS,
    { client_id: host.urlOf('/registered.json'), token_endpoint_auth_method: 'none' },
  ])
  signet = await start()
})
afterAll(async () => {
  await deployment.close()
  await host.close()
})

const start = (more: Readonly<Record<string, string>> = {}) =>
  deployment.start({
    clock,
    authorities: host.certificate,
    environment: {
      ...host.environment,
      REGISTRATION_AUDIENCES: `${API}, ${OTHER_API}`,
      REGISTRATION_SCOPES: 'openid offline_access email read',
      RATE_LIMIT_CLIENT_DOCUMENTS: 'off',
      ...more,
    },
  })

type Fields = Readonly<Record<string, string | null>>
const asking = (client_id: string, more: Fields = {}) =>
  queryOf({
    response_type: 'code',
    client_id,
    redirect_uri: CALLBACK,
    scope: 'openid read',
    state: 's',
    code_challenge: CODE_CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  })
const authorize = (client_id: string, { at = signet, from = '127.0.0.1', ...more }: Asked = {}) =>
  at.fetch(`/authorize?${asking(client_id, more)}`, { redirect: 'manual' }, from)
type Asked = Readonly<{ at?: Instance; from?: string; scope?: string; resource?: string }>

const lastLine = (at: Instance) => at.lines.findLast(({ message }) => message === 'request')
const causeOf = async (client_id: string) => {
  const answer = await authorize(client_id)
  const line = lastLine(signet)
  return [answer.status, line?.['reason'], line?.['cause']]
}

/** A new person at the page that asks for consent. */
const arrived = async (client_id: string, more: Fields = {}) => {
  const ada = createPerson(signet)
  const page = await ada.signUp(await ada.arrive(asking(client_id, more)), newEmail())
  return { ada, page }
}
const isConsent = (shown: Shown) => headingOf(shown).startsWith('Allow ')

const redeem = (client_id: string, shown: Shown, more: Readonly<Record<string, string>> = {}) =>
  signet.token({
    grant_type: 'authorization_code',
    client_id,
    redirect_uri: CALLBACK,
    code: answerOf(shown)['code'] ?? '',
    code_verifier: CODE_VERIFIER,
    ...more,
  })

describe('draft-ietf-oauth-client-id-metadata-document – a client whose client_id is the address of its document', () => {
  it('signs a person in without a registration, is shown by its own host, and refreshes', async () => {
    const client_id = host.publish('/agent.json', {
      client_uri: 'https://famous.example',
      unknown_member: { of: 'another server' },
    })
    const { ada, page } = await arrived(client_id, { scope: 'openid offline_access read' })
    expect(isConsent(page)).toBe(true)
    expect(page.text).toContain(`<strong>${host.host}</strong>`)
    expect(page.text).not.toContain('famous.example')
    const answer = await redeem(client_id, await ada.allow(page))
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ scope: 'openid offline_access read' })
    const refresh_token = answer.body['refresh_token']
    const refreshed = await signet.token({ grant_type: 'refresh_token', client_id, refresh_token })
    expect(refreshed.status).toBe(200)
    const token = refreshed.body['access_token']
    expect((await signet.ask('/userinfo', { token })).status).toBe(200)
    // An instance that has never seen the client serves its tokens too.
    const other = await start()
    expect((await other.ask('/userinfo', { token })).status).toBe(200)
    expect(host.countOf('/agent.json')).toBe(2)
    await other.close()
  })

  it('is announced in the metadata where documents are taken, and unknown where they are not', async () => {
    const client_id = host.publish('/announced.json')
    const flag = 'client_id_metadata_document_supported'
    expect((await signet.ask('/.well-known/oauth-authorization-server')).body[flag]).toBe(true)
    const off = await start({ CLIENT_ID_DOCUMENTS: 'off' })
    expect((await off.ask('/.well-known/oauth-authorization-server')).body).not.toHaveProperty(flag)
    expect((await authorize(client_id, { at: off })).status).toBe(400)
    expect(lastLine(off)).toMatchObject({ reason: 'client_unknown' })
    expect(host.countOf('/announced.json')).toBe(0)
    await off.close()
  })

  it('is the registered one where a client is registered under the same id', async () => {
    expect((await authorize(host.urlOf('/registered.json'))).status).toBe(400)
    expect(lastLine(signet)).toMatchObject({ reason: 'redirect_uri_not_registered' })
    expect(host.countOf('/registered.json')).toBe(0)
  })
})

describe('a client of a document that an operator refuses', () => {
  it('is refused without a fetch where a client with its id is disabled in the database, and served once it is removed', async () => {
    const client_id = host.publish('/withheld.json')
    const bystander = host.publish('/beside.json')
    const registrations = createClientRegistrations(deployment.database)
    await registrations.create({ client_id, metadata: '{}', client_secret_digest: null })
    await registrations.disable(client_id)
    const at = await start()
    expect((await authorize(client_id, { at })).status).toBe(400)
    expect(lastLine(at)).toMatchObject({ reason: 'client_unknown' })
    expect(host.countOf('/withheld.json')).toBe(0)
    expect((await authorize(bystander, { at })).status).toBe(303)
    await at.close()
    await registrations.delete(client_id)
    const again = await start()
    expect((await authorize(client_id, { at: again })).status).toBe(303)
    await again.close()
  })
})

describe('a metadata document', () => {
  it('is fetched once while it is fresh, and once for all who ask at the same time', async () => {
    const ids = [300, 86_400].map(seconds =>
      host.publish(`/fresh-${seconds}.json`, {}, { 'cache-control': `max-age=${seconds}` }),
    )
    for (const [index, client_id] of ids.entries()) {
      const path = new URL(client_id).pathname
      await Promise.all(Array.from({ length: 5 }, () => authorize(client_id)))
      advance([299, 86_399][index] ?? 0)
      expect((await authorize(client_id)).status).toBe(303)
      expect(host.countOf(path)).toBe(1)
      advance(1)
      expect((await authorize(client_id)).status).toBe(303)
      expect(host.countOf(path)).toBe(2)
    }
    reset()
  })

  it.each([
    ['no header', {}, 300],
    ['no-store', { 'cache-control': 'no-store' }, 300],
    ['a shorter time', { 'cache-control': 'public, max-age=1' }, 300],
    ['a longer time', { 'cache-control': 'max-age=999999' }, 86_400],
    ['a time of which a part has passed', { 'cache-control': 'max-age=1000', age: '400' }, 600],
    ['a time for shared caches', { 'cache-control': 'max-age=1, s-maxage="700"' }, 700],
  ] as const)('with %s is kept for as long as is allowed', async (name, headers, seconds) => {
    const path = `/${name.replaceAll(/\W/g, '-')}.json`
    const client_id = host.publish(path, {}, headers)
    await authorize(client_id)
    advance(seconds - 1)
    await authorize(client_id)
    expect(host.countOf(path)).toBe(1)
    advance(1)
    await authorize(client_id)
    expect(host.countOf(path)).toBe(2)
    reset()
  })

  it('that cannot be used is asked for again after 30 seconds and not before, and is no client at /token', async () => {
    const client_id = host.urlOf('/later.json')
    host.answer('/later.json', response => void response.writeHead(500).end())
    expect(await causeOf(client_id)).toEqual([400, 'client_document_refused', 'status 500'])
    host.publish('/later.json')
    advance(29)
    const form = { grant_type: 'refresh_token', client_id, refresh_token: 'x' }
    const answer = await signet.token(form)
    expect([answer.status, answer.body['error']]).toEqual([401, 'invalid_client'])
    expect(lastLine(signet)).toMatchObject({ reason: 'client_document_refused', cause: 'status 500' })
    expect(host.countOf('/later.json')).toBe(1)
    advance(1)
    expect((await authorize(client_id)).status).toBe(303)
    expect((await signet.token(form)).body['error']).toBe('invalid_grant')
    reset()
  })

  it.each([
    ['another client_id', { client_id: 'https://other.example/agent.json' }, 'client_id is not its address'],
    ['a secret', { client_secret: 'x'.repeat(40) }, 'client_secret is in it'],
    ['a secret that expires', { client_secret_expires_at: 0 }, 'client_secret_expires_at is in it'],
    ['a secret method', { token_endpoint_auth_method: 'client_secret_basic' }, /^token_endpoint_auth_method/],
    ['no redirect URI', { redirect_uris: undefined }, /^redirect_uris/],
    [
      'unusable redirect URIs alone',
      { redirect_uris: ['javascript:alert(1)', 'http://a.example'] },
      /^redirect_uris/,
    ],
    ['no key for private_key_jwt', { token_endpoint_auth_method: 'private_key_jwt' }, /^jwks/],
    [
      'a private key',
      {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'x', d: 'd' }] },
      },
      /^jwks/,
    ],
    ['a name that turns the text', { client_name: 'Agent \u202e' }, /^client_name/],
    ['a long name', { client_name: 'x'.repeat(201) }, /^client_name/],
  ])('with %s is refused', async (name, document, cause) => {
    const client_id = host.publish(`/bad-${name.replaceAll(/\W/g, '-')}.json`, document)
    const [status, reason, told] = await causeOf(client_id)
    expect([status, reason]).toEqual([400, 'client_document_refused'])
    expect(told).toEqual(typeof cause === 'string' ? cause : expect.stringMatching(cause))
  })

  it('is refused when it is no JSON object, redirected, missing, silent for 3 seconds, or larger than 64 kB', async () => {
    const answers = {
      '/list.json': response => void response.end('[]'),
      '/text.json': response => void response.end('hello'),
      '/latin.json': response => void response.end(Buffer.from([0x22, 0xe4, 0x22])),
      '/redirected.json': response => void response.writeHead(302, { location: '/agent.json' }).end(),
      '/empty.json': response => void response.writeHead(204).end(),
      '/silent.json': () => {},
      '/large.json': response => void response.end(' '.repeat(65_537)),
    } satisfies Record<string, Parameters<DocumentHost['answer']>[1]>
    for (const [path, answer] of Object.entries(answers)) host.answer(path, answer)
    const told = async (path: string) => {
      const client_id = host.urlOf(path)
      const answer = await signet.token({ grant_type: 'refresh_token', client_id })
      return [path, answer.status, lastLine(signet)?.['cause']]
    }
    const seen: unknown[] = []
    for (const path of [...Object.keys(answers), '/nowhere.json']) seen.push(await told(path))
    expect(seen).toEqual([
      ['/list.json', 401, 'no JSON object'],
      ['/text.json', 401, 'no JSON object'],
      ['/latin.json', 401, 'no JSON object'],
      ['/redirected.json', 401, 'status 302'],
      ['/empty.json', 401, 'status 204'],
      ['/silent.json', 401, 'timed_out'],
      ['/large.json', 401, 'body_too_large'],
      ['/nowhere.json', 401, 'status 404'],
    ])
  })

  it('of 64 kB is taken', async () => {
    const client_id = host.urlOf('/full.json')
    const document = JSON.stringify({ client_id, redirect_uris: [CALLBACK] })
    host.answer('/full.json', response => void response.end(document.padEnd(65_536)))
    expect((await authorize(client_id)).status).toBe(303)
  })

  it('is not asked for where its address is no document URL, or internal', async () => {
    const before = host.asked.length
    const closed = await start({ OUTBOUND_ALLOW: '10.0.0.0/8' })
    const { port } = new URL(host.urlOf('/'))
    const refused = [
      `https://127.1:${port}/a`,
      `https://0x7f000001:${port}/a`,
      `https://2130706433:${port}/a`,
      `https://127.0.0.1.:${port}/a`,
      `https://user@127.0.0.1:${port}/a`,
      `https://@127.0.0.1:${port}/a`,
      `https://${host.host}`,
      `http://${host.host}/a`,
      `HTTPS://${host.host}/a`,
      ...['/', '/a#b', '/a/../b', '/%2e/b', '/a\\b', '/a b', `/${'a'.repeat(255)}`].map(host.urlOf),
    ]
    for (const client_id of refused) {
      expect([client_id, (await authorize(client_id)).status]).toEqual([client_id, 400])
      expect(lastLine(signet)).toMatchObject({ reason: 'client_unknown' })
    }
    const internal = [
      host.urlOf('/a'),
      `https://[::1]:${port}/a`,
      `https://[::ffff:7f00:1]:${port}/a`,
      `https://169.254.169.254/latest`,
      `https://192.168.0.1/a`,
    ]
    for (const client_id of internal) {
      expect([client_id, (await authorize(client_id, { at: closed })).status]).toEqual([client_id, 400])
      expect(lastLine(closed)).toMatchObject({ reason: 'client_document_refused', cause: 'address_refused' })
    }
    expect(host.asked.length).toBe(before)
    await closed.close()
  })

  it('is not fetched because a stranger asks for many, and others are served meanwhile', async () => {
    const limited = await start({ RATE_LIMIT_CLIENT_DOCUMENTS: '2/60' })
    const known = host.publish('/known.json')
    const ids = [1, 2, 3].map(each => host.publish(`/many-${each}.json`))
    expect((await authorize(known, { at: limited, from: '192.0.2.7' })).status).toBe(303)
    const statuses: number[] = []
    for (const client_id of ids)
      statuses.push((await authorize(client_id, { at: limited, from: '192.0.2.9' })).status)
    expect(statuses).toEqual([303, 303, 429])
    expect(lastLine(limited)).toMatchObject({ reason: 'client-documents' })
    const form = { grant_type: 'refresh_token', client_id: ids[2] ?? '', refresh_token: 'x' }
    const refused = await limited.token(form, {}, '192.0.2.9')
    expect([refused.status, refused.body['error']]).toEqual([429, 'temporarily_unavailable'])
    expect(refused.headers.get('retry-after')).not.toBeNull()
    expect(host.countOf('/many-3.json')).toBe(0)
    // What is known costs nothing, and another address has a count of its own.
    expect((await authorize(known, { at: limited, from: '192.0.2.9' })).status).toBe(303)
    expect((await authorize(ids[2] ?? '', { at: limited, from: '192.0.2.8' })).status).toBe(303)
    await limited.close()
  })
})

describe('what a client of a document may ask for', () => {
  it('is what the policy has, also when it names nothing or more', async () => {
    const scopes = [
      [undefined, 'openid offline_access email read'],
      ['openid read write signet:admin', 'openid read'],
    ] as const
    for (const [index, [scope, granted]] of scopes.entries()) {
      const client_id = host.publish(`/scope-${index}.json`, {
        scope,
        audience: [signet.issuer, 'https://foreign.example'],
        protected_resources: [API],
        first_party: true,
        refresh_grace_seconds: 60,
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'urn:unknown'],
      })
      const { ada, page } = await arrived(client_id, {
        scope: 'openid offline_access email read write signet:admin',
      })
      expect(isConsent(page)).toBe(true)
      const { body } = await redeem(client_id, await ada.allow(page))
      expect(body['scope']).toBe(granted)
      expect(decodeJwt(body['access_token'])).toMatchObject({ aud: API, client_id })
    }
  })

  it('is an answer to its superseded refresh tokens for DYNAMIC_CLIENT_GRACE_SECONDS', async () => {
    const client_id = host.publish('/processes.json')
    const strict = await start({ DYNAMIC_CLIENT_GRACE_SECONDS: '0' })
    const { ada, page } = await arrived(client_id, { scope: 'openid offline_access' })
    const { body } = await redeem(client_id, await ada.allow(page))
    const refresh = async (refresh_token: string, at = signet) => {
      const answer = await at.token({ grant_type: 'refresh_token', client_id, refresh_token })
      return answer.status === 200 ? answer.body.refresh_token : answer.status
    }
    const first = body.refresh_token
    const second = String(await refresh(first))
    const third = String(await refresh(second))
    for (const token of [first, second]) expect(await refresh(token)).toBe(third)
    expect(await refresh(second, strict)).toBe(400)
    expect(await refresh(third)).toBe(400)
    await strict.close()
  })

  it('is no audience but those of the policy, and never the issuer', async () => {
    const client_id = host.publish('/audience.json')
    const errorFor = async (resource: string) => {
      const { headers } = await authorize(client_id, { resource })
      return new URL(headers.get('location') ?? '', signet.issuer).searchParams.get('error')
    }
    expect([
      await errorFor(OTHER_API),
      await errorFor(signet.issuer),
      await errorFor('https://foreign.example'),
    ]).toEqual([null, 'invalid_target', 'invalid_target'])
    const none = await start({ REGISTRATION_AUDIENCES: '' })
    expect(none.lines.some(({ message }) => message.includes('REGISTRATION_AUDIENCES'))).toBe(true)
    const { headers } = await authorize(client_id, { at: none })
    expect(headers.get('location')).toContain('error=invalid_target')
    await none.close()
  })

  it('is nothing without a person: neither for itself nor with the account API', async () => {
    const client_id = host.publish('/itself.json', { grant_types: ['client_credentials', DEVICE_GRANT] })
    const refused = [
      await signet.token({ grant_type: 'client_credentials', client_id }),
      await signet.post('/device_authorization', { client_id }, {}),
    ]
    for (const { status, body } of refused)
      expect([status, body['error']]).toEqual([400, 'unauthorized_client'])
    const before = host.asked.length
    const body = { email: newEmail(), password: 'a long enough password', client_id: host.urlOf('/api.json') }
    expect((await signet.ask('/auth/register', { method: 'POST', body })).status).toBe(422)
    expect(host.asked.length).toBe(before)
  })
})

describe('consent to a client of a document', () => {
  it.each([
    ['name', { client_name: 'Another name' }, 'its name'],
    [
      'redirect URIs',
      { redirect_uris: [CALLBACK, 'https://agent.example/second'] },
      'the addresses that it is opened at',
    ],
    [
      'name and keys',
      {
        jwks: { keys: [generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })] },
        client_name: 'Another name',
        token_endpoint_auth_method: 'private_key_jwt',
      },
      'its name, the keys that it proves itself with',
    ],
  ])('is remembered, and asked for again when its %s changed', async (name, change, what) => {
    const path = `/changing-${name.replaceAll(' ', '-')}.json`
    const client_id = host.publish(path)
    const { ada, page } = await arrived(client_id)
    expect(page.text).not.toContain('Changed since')
    await ada.allow(page)
    host.publish(path, { logo_uri: 'https://agent.example/logo.png', contacts: ['a@agent.example'] })
    advance(300)
    expect((await ada.arrive(asking(client_id))).location).toContain('code=')
    host.publish(path, change)
    advance(300)
    const again = await ada.arrive(asking(client_id, { scope: 'openid' }))
    expect(isConsent(again)).toBe(true)
    expect(again.text).toContain(`Changed since you allowed it: ${what}.`)
    await ada.allow(again)
    expect((await ada.arrive(asking(client_id, { scope: 'openid' }))).location).toContain('code=')
    // What was granted to the client as it was before is asked for anew.
    const more = await ada.arrive(asking(client_id))
    expect(isConsent(more)).toBe(true)
    expect(more.text).not.toContain('Changed since')
    reset()
  })

  it('that a version without the parts has stored is asked for again, without what has changed', async () => {
    const client_id = host.publish('/changing-from-before.json')
    const { ada, page } = await arrived(client_id)
    await ada.allow(page)
    await deployment.database.sql`update consents set document_parts = null where client_id = ${client_id}`
    expect((await ada.arrive(asking(client_id))).location).toContain('code=')
    host.publish('/changing-from-before.json', { client_name: 'Another name' })
    advance(300)
    const again = await ada.arrive(asking(client_id, { ui_locales: 'de' }))
    expect(again.text).toContain('Geändert, seit Sie es erlaubt haben: ihre Angaben über sich.')
    reset()
  })
})

describe('private_key_jwt of a client of a document', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const assertionFor = (client_id: string) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'EdDSA' })
      .setIssuer(client_id)
      .setSubject(client_id)
      .setAudience(signet.issuer)
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey)
  const jwks = { keys: [publicKey.export({ format: 'jwk' })] }

  it.each([
    ['jwks', { jwks }],
    ['jwks_uri', { jwks_uri: '/keys.json' }],
  ])('is verified by the keys of its %s, and by nothing less', async (name, keys) => {
    host.answer('/keys.json', response => void response.end(JSON.stringify(jwks)))
    const client_id = host.publish(`/signed-${name}.json`, {
      token_endpoint_auth_method: 'private_key_jwt',
      ...('jwks_uri' in keys ? { jwks_uri: host.urlOf(keys.jwks_uri) } : keys),
    })
    const { ada, page } = await arrived(client_id)
    const shown = await ada.allow(page)
    expect((await redeem(client_id, shown)).status).toBe(401)
    const answer = await redeem(client_id, shown, {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await assertionFor(client_id),
    })
    expect(answer.status).toBe(200)
  })

  it('is refused where the keys cannot be fetched', async () => {
    const client_id = host.publish('/keyless.json', {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: 'https://169.254.169.254/keys.json',
    })
    expect(await causeOf(client_id)).toEqual([400, 'client_document_refused', 'jwks_uri: address_refused'])
  })
})
