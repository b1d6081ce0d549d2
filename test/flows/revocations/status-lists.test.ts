import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { signIn, signUp, type Tokens } from '../../support/accounts/account-api.ts'
import { newEmail, PASSWORD, times } from '../../support/ask.ts'
import {
  API,
  basic,
  CLIENTS,
  type ClientEntry,
  CONFIDENTIAL,
  SECRETS,
  SERVICE,
} from '../../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../../support/deployment.ts'
import { refresh } from '../../support/refresh.ts'

const LIST_SIZE = 2 ** 17
const TTL_SECONDS = 10
const administrator = 'a secret of an administrator, long enough'
const ADMIN: ClientEntry = {
  client_id: 'admin',
  client_secret: administrator,
  grant_types: ['client_credentials'],
  scope: 'signet:admin',
  audience: [ISSUER],
}
const listed = new Set(['service', 'app'])
/** A resource server for the issuer’s own audience too, which the tokens that sign people out are addressed to. */
const INTROSPECTOR = { client_id: 'introspector', protected_resources: [API, ISSUER] }
const clients = [
  ...CLIENTS.map(one => ({
    ...one,
    ...(one.client_id === INTROSPECTOR.client_id ? INTROSPECTOR : {}),
    status_list: listed.has(one.client_id),
  })),
  ADMIN,
]

type Reference = Readonly<{ idx: number; uri: string }>

/** draft-ietf-oauth-status-list, §8.3 – What a verifier reads, in the order of its steps. */
const statusOf = async (instance: Instance, token: string, now: number): Promise<number> => {
  const { idx, uri } = referenceOf(token)
  const keys = (await instance.fetch('/.well-known/jwks.json')).body as unknown as JSONWebKeySet
  const answer = await instance.fetch(pathOf(uri), { headers: { accept: 'application/statuslist+jwt' } })
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/statuslist+jwt'])
  const { payload } = await jwtVerify(answer.text, createLocalJWKSet(keys), {
    typ: 'statuslist+jwt',
    algorithms: ['RS256'],
    subject: uri,
    requiredClaims: ['iat', 'exp', 'ttl'],
    currentDate: new Date(now),
  })
  const { bits, lst } = payload['status_list'] as { bits: number; lst: string }
  expect(bits).toBe(1)
  const list = inflateSync(Buffer.from(lst, 'base64url'))
  const byte = list[Math.floor((idx * bits) / 8)]
  if (byte === undefined) throw new Error('the place is outside of the list')
  return (byte >> ((idx * bits) % 8)) & (2 ** bits - 1)
}

const referenceOf = (token: string): Reference => {
  const { status } = decodeJwt<{ status?: { status_list: Reference } }>(token)
  if (status === undefined) throw new Error('the token has no status')
  return status.status_list
}
const pathOf = (uri: string) => uri.slice(ISSUER.length)

describe.each(deployments)('draft-ietf-oauth-status-list, over two instances on $name', ({ name, open }) => {
  let deployment: Deployment
  let one: Instance
  let other: Instance
  // Always behind the clock of the database: the iat of a client’s own token is from this clock.
  let now = Date.now() - 800_000
  beforeAll(async () => {
    deployment = await open(clients)
    const clock = () => new Date(now)
    one = await deployment.start({ clock })
    other = await deployment.start({ clock })
  })
  afterAll(() => deployment.close())
  // The list that an instance has signed before is too old.
  const later = () => {
    now += TTL_SECONDS * 1000
  }
  beforeEach(later)

  const statuses = async (tokens: readonly string[]) => {
    later()
    const seen = []
    for (const instance of [one, other])
      seen.push(await Promise.all(tokens.map(token => statusOf(instance, token, now))))
    expect(seen[0]).toEqual(seen[1])
    return seen[0]
  }
  const own = async (instance = one, client = SERVICE) =>
    (await instance.token({ grant_type: 'client_credentials' }, client)).body.access_token
  const register = async () => {
    const email = newEmail()
    const more = { client_id: 'app', resource: ISSUER }
    const first = await signUp(other, email, more)
    return { email, sub: first.user.id, first, login: () => signIn(other, email, more) }
  }
  const endEverything = async (body: object) =>
    other.ask('/global-token-revocation', { body, token: await own(one, basic('admin', administrator)) })

  // The embedded database has one connection: a test cannot lock a table there while another connection asks.
  it.skipIf(name === 'embedded')('spends no refresh token when no place in a list can be had', async () => {
    const { first } = await register()
    const holder = await deployment.database.sql.reserve()
    await holder`begin`
    await holder`lock table status_entries`
    expect((await refresh(one, first.refresh_token)).status).toBe(503)
    await holder`commit`
    holder.release()
    expect((await refresh(other, first.refresh_token)).status).toBe(200)
  })

  it('§6.1 – gives each token a place of its own, whichever instance issues it', async () => {
    const tokens = await Promise.all([own(one), own(other), own(one), own(other)])
    const { first } = await register()
    const refreshed = await refresh(one, first.refresh_token)
    const references = [...tokens, first.access_token, refreshed.body.access_token].map(referenceOf)
    expect(new Set(references.map(({ idx, uri }) => `${uri} ${idx}`)).size).toBe(6)
    expect(references.every(({ idx }) => Number.isInteger(idx) && idx >= 0 && idx < LIST_SIZE)).toBe(true)
    expect(await statuses([...tokens, first.access_token])).toEqual([0, 0, 0, 0, 0])
  })

  it('gives no place to the tokens of a client that did not ask for it', async () => {
    const rows = () => deployment.database.sql`select count(*)::int as rows from status_entries`
    const before = await rows()
    expect(decodeJwt(await own(one, CONFIDENTIAL))).not.toHaveProperty('status')
    expect(await rows()).toEqual(before)
  })

  it('takes no place for a refused refresh token', async () => {
    const [spent, ended, idle, disabled, bystander] = await Promise.all(Array.from({ length: 5 }, register))
    if (!spent || !ended || !idle || !disabled || !bystander) throw new Error('a registration is missing')
    const next = (await refresh(one, spent.first.refresh_token)).body.refresh_token
    // The reuse is judged on the locked row.
    expect((await refresh(other, spent.first.refresh_token)).status).toBe(400)
    await one.post('/revoke', { token: ended.first.refresh_token, client_id: 'app' })
    const { sql } = deployment.database
    await sql`update refresh_families set idle_expires_at = now() where user_id = ${idle.sub}`
    await sql`update users set disabled_at = now() where id = ${disabled.sub}`
    const dead = [spent.first, { refresh_token: next }, ended.first, idle.first, disabled.first]
    const rows = async () => (await sql`select count(*)::int as rows from status_entries`)[0]
    const before = await rows()
    for (const instance of [one, other, one])
      for (const { refresh_token } of dead)
        expect((await refresh(instance, refresh_token)).body.error).toBe('invalid_grant')
    expect(
      (await refresh(one, bystander.first.refresh_token, { form: { scope: 'read admin' } })).status,
    ).toBe(400)
    expect(await rows()).toEqual(before)
    expect((await refresh(other, bystander.first.refresh_token)).status).toBe(200)
  })

  type Ending = (person: Awaited<ReturnType<typeof register>>, second: Tokens) => Promise<unknown>
  const endings: readonly (readonly [string, Ending, readonly number[]])[] = [
    [
      '/revoke with an access token',
      (_, second) => one.post('/revoke', { token: second.access_token, client_id: 'app' }),
      [0, 1],
    ],
    [
      '/revoke with a refresh token',
      (_, second) => one.post('/revoke', { token: second.refresh_token, client_id: 'app' }),
      [0, 1],
    ],
    [
      'a sign-out',
      (_, second) => other.ask('/auth/logout', { body: {}, token: second.access_token }),
      [0, 1],
    ],
    [
      'a sign-out everywhere',
      (_, second) => other.ask('/auth/logout', { body: { everywhere: true }, token: second.access_token }),
      [1, 1],
    ],
    [
      'a change of password',
      (_, second) =>
        other.ask('/auth/password', {
          body: { current_password: PASSWORD, new_password: 'another horse battery' },
          token: second.access_token,
        }),
      [1, 0],
    ],
    [
      'the reuse of a refresh token',
      async (_, { refresh_token }) => {
        await refresh(one, refresh_token)
        await refresh(one, refresh_token)
      },
      [0, 1],
    ],
    [
      'a global revocation',
      async ({ sub }) => endEverything({ sub_id: { format: 'opaque', id: sub } }),
      [1, 1],
    ],
    [
      'a disabled account',
      ({ sub }) => deployment.database.sql`update users set disabled_at = now() where id = ${sub}`,
      [1, 1],
    ],
    [
      'a raised credential epoch',
      ({ sub }) =>
        deployment.database.sql`update users set credential_epoch = credential_epoch + 1 where id = ${sub}`,
      [1, 1],
    ],
    ['a deleted account', ({ sub }) => deployment.database.sql`delete from users where id = ${sub}`, [1, 1]],
  ]

  it.each(endings)(
    'has 1 for the tokens that %s has ended, as introspection answers, and 0 for all others',
    async (_, end, after) => {
      const [person, stranger] = [await register(), await register()]
      const second = await person.login()
      const bystanders = [stranger.first.access_token, await own()]
      const tokens = [person.first.access_token, second.access_token]
      expect(await statuses([...tokens, ...bystanders])).toEqual([0, 0, 0, 0])
      await end(person, second)
      expect(await statuses([...tokens, ...bystanders])).toEqual([...after, 0, 0])
      const introspect = async (token: string) =>
        (await one.post('/introspect', { token }, basic('introspector', SECRETS.introspector))).body['active']
      expect(await Promise.all(tokens.map(introspect))).toEqual(after.map(bit => bit === 0))
    },
  )

  it('has 1 for a client’s own tokens from before it was ended, and 0 for those after', async () => {
    const before = await own()
    expect(await statuses([before])).toEqual([0])
    await endEverything({ client_id: 'service' })
    expect(await statuses([before])).toEqual([1])
    await deployment.database
      .sql`update revocations set issued_until = issued_until - interval '1 hour' where value = 'service'`
    expect(await statuses([before, await own()])).toEqual([0, 0])
    await deployment.database.sql`delete from revocations where value = 'service'`
  })

  it('signs a list once in its time to live', async () => {
    const { uri } = referenceOf(await own())
    const ask = () => one.fetch(pathOf(uri))
    const answers = await Promise.all(Array.from({ length: 20 }, ask))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(answers[0]?.headers.get('cache-control')).toBe('public, max-age=10')
    const etag = answers[0]?.headers.get('etag') ?? ''
    now += 1000
    const again = await one.fetch(pathOf(uri), { headers: { 'if-none-match': etag } })
    expect([again.status, again.text, again.headers.get('cache-control')]).toEqual([
      304,
      '',
      'public, max-age=9',
    ])
    now += 9000
    expect((await one.fetch(pathOf(uri), { headers: { 'if-none-match': etag } })).status).toBe(200)
  })

  it('signs lists that cannot pass for tokens, and tokens that cannot pass for lists', async () => {
    const { text } = await one.fetch(pathOf(referenceOf(await own()).uri))
    const answer = await one.post('/introspect', { token: text }, basic('introspector', SECRETS.introspector))
    expect(answer.body).toEqual({ active: false })
    expect((await other.ask('/auth/logout', { body: {}, token: text })).status).toBe(401)
  })

  it('has 1 for the own tokens of a client that is gone or has lost the grant client_credentials', async () => {
    const { first } = await register()
    const tokens = [await own(), first.access_token]
    const withEntry = async (change: (entry: ClientEntry) => readonly ClientEntry[]) => {
      const file = join(deployment.keys_dir, '..', `${randomUUID()}.json`)
      writeFileSync(file, JSON.stringify(clients.flatMap(change)))
      const instance = await deployment.start({
        clock: () => new Date(now),
        environment: { CLIENTS_FILE: file },
      })
      later()
      const seen = await Promise.all(tokens.map(token => statusOf(instance, token, now)))
      await instance.close()
      return seen
    }
    expect(await withEntry(entry => [entry])).toEqual([0, 0])
    expect(await withEntry(entry => (entry.client_id === 'service' ? [] : [entry]))).toEqual([1, 0])
    expect(await withEntry(entry => (entry.client_id === 'app' ? [] : [entry]))).toEqual([0, 1])
    const narrowed = await withEntry(entry => [
      entry.client_id === 'service' ? { ...entry, grant_types: ['refresh_token'] } : entry,
    ])
    expect(narrowed).toEqual([1, 0])
    expect(await statuses(tokens)).toEqual([0, 0])
  })

  it('§8 – may be read by every website', async () => {
    const { headers } = await one.fetch(pathOf(referenceOf(await own()).uri), {
      headers: { origin: 'https://anywhere.example' },
    })
    expect(headers.get('access-control-allow-origin')).toBe('*')
  })

  it('§9 – continues in another list when one is full, and names both', async () => {
    await own()
    await deployment.database.sql`select setval('status_entries_idx_seq', ${3 * LIST_SIZE - 1})`
    const next = await own()
    const { idx, uri } = referenceOf(next)
    expect([idx, uri]).toEqual([0, `${ISSUER}/status-lists/3`])
    expect(await statuses([next])).toEqual([0])
    const metadata = (await one.fetch('/.well-known/oauth-authorization-server')).body
    const endpoint = String(metadata['status_list_aggregation_endpoint'])
    const { body, headers } = await one.fetch(pathOf(endpoint))
    expect(body['status_lists']).toEqual([0, 1, 2, 3].map(list => `${ISSUER}/status-lists/${list}`))
    expect(headers.get('cache-control')).toBe('public, max-age=60')
    expect((await one.fetch('/status-lists/3')).status).toBe(200)
    expect((await one.fetch('/status-lists/4')).status).toBe(404)
  })

  it.each(['x', '-1', '01', '1.5', '999999999', '9999999999', '0%00'])(
    '§8 – answers 404 for the list %s',
    async list => {
      const { status, body } = await one.fetch(`/status-lists/${list}`)
      expect([status, body['code']]).toEqual([404, 'NOT_FOUND'])
    },
  )

  it('§8.4 – refuses to answer for a past time', async () => {
    const { status, body } = await one.fetch('/status-lists/0?time=1')
    expect([status, body['code']]).toEqual([501, 'TIME_UNSUPPORTED'])
  })

  it('limits the requests of one address for lists that would have to be signed', async () => {
    const ask = async (list: number, ip: string) => one.fetch(`/status-lists/${list}`, {}, ip)
    // Few at once: each asks the database, which answers on a busy machine too.
    for (let asked = 0; asked < 600; asked += 20) {
      const unknown = await Promise.all(times(20).map(() => ask(99, '192.0.2.1')))
      expect(new Set(unknown.map(({ status }) => status))).toEqual(new Set([404]))
    }
    const refused = await ask(99, '192.0.2.1')
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true])
    expect((await ask(0, '192.0.2.1')).status).toBe(429)
    expect((await ask(0, '192.0.2.2')).status).toBe(200)
    // A list that is already signed costs nothing.
    expect((await ask(0, '192.0.2.1')).status).toBe(200)
  })
})

describe.each(deployments)('the status lists before the first token, on $name', ({ open }) => {
  it('are an empty aggregation', async () => {
    const deployment = await open(clients)
    const instance = await deployment.start()
    expect((await instance.fetch('/status-lists')).body).toEqual({ status_lists: [] })
    expect((await instance.fetch('/status-lists/0')).status).toBe(404)
    const answer = await instance.token({ grant_type: 'client_credentials' }, SERVICE)
    expect(referenceOf(answer.body.access_token)).toEqual({ idx: 0, uri: `${ISSUER}/status-lists/0` })
    expect(decodeJwt(answer.body.access_token).aud).toBe(API)
    await deployment.close()
  })
})
