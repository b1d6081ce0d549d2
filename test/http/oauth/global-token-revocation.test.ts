import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signIn, signUp, type Tokens } from '../../support/accounts/account-api.ts'
import { newEmail } from '../../support/ask.ts'
import { API, basic, CLIENTS, SECRETS } from '../../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../../support/deployment.ts'
import { isActive, refresh } from '../../support/refresh.ts'

const secret = 'a secret of an administrator, long enough'
const ADMIN = {
  client_id: 'admin',
  client_secret: secret,
  grant_types: ['client_credentials'],
  scope: 'signet:admin read',
  audience: [ISSUER, API],
}

describe.each(deployments)('draft-parecki-oauth-global-token-revocation §3, on $name', ({ open }) => {
  let deployment: Deployment
  let instance: Instance
  let admin: string
  beforeAll(async () => {
    deployment = await open([...CLIENTS, ADMIN])
    instance = await deployment.start()
    admin = await tokenFor(ADMIN.client_id, secret)
  })
  afterAll(() => deployment.close())

  const tokenFor = async (client_id: string, client_secret: string, more: Record<string, string> = {}) => {
    const form = { grant_type: 'client_credentials', ...more }
    return (await instance.token(form, basic(client_id, client_secret))).body.access_token
  }
  const end = (body: unknown, token: string | null = admin) =>
    instance.ask('/global-token-revocation', { body, ...(token === null ? {} : { token }) })

  const register = async () => {
    const email = newEmail()
    const tokens = await signUp(instance, email, { client_id: 'app' })
    const login = (client_id = 'app', more: object = {}) => signIn(instance, email, { client_id, ...more })
    return { email, sub: tokens.user.id, tokens, login }
  }
  const canRefresh = async ({ refresh_token }: Tokens) =>
    (await refresh(instance, refresh_token)).status === 200

  it.each([
    ['opaque', ({ sub }: { sub: string }) => ({ format: 'opaque', id: sub })],
    ['iss_sub', ({ sub }: { sub: string }) => ({ format: 'iss_sub', iss: ISSUER, sub })],
    ['email', ({ email }: { email: string }) => ({ format: 'email', email: ` ${email.toUpperCase()} ` })],
  ])(
    'ends every sign-in and token of the account that is named by %s, and of no other (RFC 9493 §3.2)',
    async (_, name) => {
      const [person, bystander] = [await register(), await register()]
      const second = await person.login()
      const answer = await end({ sub_id: name(person) })
      expect([answer.status, answer.text]).toEqual([204, ''])
      for (const tokens of [person.tokens, second]) {
        expect(await isActive(instance, tokens.access_token)).toBe(false)
        expect(await canRefresh(tokens)).toBe(false)
      }
      expect(await isActive(instance, bystander.tokens.access_token)).toBe(true)
      expect(await canRefresh(bystander.tokens)).toBe(true)
      // A repetition has nothing left to end.
      expect((await end({ sub_id: name(person) })).status).toBe(204)
    },
  )

  /** The second until which the entry of the feed ends tokens. Null when there is no entry. */
  const untilOf = async (kind: string, value: string): Promise<number | null> => {
    const [row] = await deployment.database.run(
      sql => sql<{ until: number }[]>`
        select floor(extract(epoch from issued_until))::float8 as until
        from revocations
        where kind = ${kind} and value = ${value}`,
    )
    return row?.until ?? null
  }

  it('allows a new sign-in in the same second, and leaves no earlier token of that second alive', async () => {
    const person = await register()
    for (const _ of Array.from({ length: 5 })) {
      const before = await person.login()
      await end({ sub_id: { format: 'opaque', id: person.sub } })
      const fresh = await person.login()
      const { iat = 0 } = decodeJwt(fresh.access_token)
      expect(iat).toBeGreaterThan((await untilOf('sub', person.sub)) ?? 0)
      expect(await isActive(instance, fresh.access_token)).toBe(true)
      expect(await canRefresh(fresh)).toBe(true)
      expect(await isActive(instance, before.access_token)).toBe(false)
      const { sid, iat: issued = 0 } = decodeJwt<{ sid: string }>(before.access_token)
      const isCovered = issued <= ((await untilOf('sub', person.sub)) ?? 0)
      const named = await deployment.database.run(
        sql => sql`select from revocations where kind = 'sid' and value = ${sid}`,
      )
      expect(isCovered || named.length === 1).toBe(true)
    }
  })

  it('allows a new sign-in at a client that was ended in the same second', async () => {
    const person = await register()
    await end({ client_id: 'app' })
    const fresh = await person.login()
    expect(decodeJwt(fresh.access_token).iat).toBeGreaterThan((await untilOf('client_id', 'app')) ?? 0)
    expect(await isActive(instance, fresh.access_token)).toBe(true)
    expect(await canRefresh(fresh)).toBe(true)
  })

  it('writes entries for the account and for each sign-in into the feed', async () => {
    const person = await register()
    await end({ sub_id: { format: 'opaque', id: person.sub } })
    const rows = await deployment.database.run(
      sql => sql`
        select r.kind, r.issued_until is not null as is_bounded
        from revocations r
        where r.value = ${person.sub}
          or r.value in (select id::text from refresh_families where user_id = ${person.sub})
        order by kind`,
    )
    expect(rows).toEqual([
      { kind: 'sid', is_bounded: false },
      { kind: 'sub', is_bounded: true },
    ])
  })

  it('ends every sign-in at a client and every token of its own, and of no other client', async () => {
    const person = await register()
    const other = await person.login('grace-app')
    const mine = person.tokens
    expect((await end({ client_id: 'app' })).status).toBe(204)
    expect(await isActive(instance, mine.access_token)).toBe(false)
    expect(await canRefresh(mine)).toBe(false)
    expect(await isActive(instance, other.access_token)).toBe(true)
    const own = await tokenFor('service', SECRETS.service)
    expect(await isActive(instance, own)).toBe(true)
    expect((await end({ client_id: 'service' })).status).toBe(204)
    expect(await isActive(instance, own)).toBe(false)
  })

  it('ends the tokens of a client that is no longer registered', async () => {
    expect((await end({ client_id: 'gone' })).status).toBe(204)
  })

  it.each([
    [400, {}],
    [400, { sub_id: { format: 'opaque', id: 'x' }, client_id: 'app' }],
    [400, { sub_id: 'x' }],
    [400, { client_id: 7 }],
    [400, { client_id: '' }],
    [404, { sub_id: { format: 'opaque', id: 'nobody' } }],
    [404, { sub_id: { format: 'opaque', id: '00000000-0000-4000-8000-000000000000' } }],
    [404, { sub_id: { format: 'iss_sub', iss: 'https://other.example', sub: 'x' } }],
    [404, { sub_id: { format: 'email', email: 'nobody@example.com' } }],
    [422, { sub_id: { format: 'phone_number', phone_number: '+1' } }],
    [422, { sub_id: { format: 'opaque' } }],
  ])('answers %s to %j', async (status, body) => {
    expect((await end(body)).status).toBe(status)
  })

  it('is refused to a caller that is not an administrator', async () => {
    const person = await register()
    // This client was ended by no other test in this second.
    const { access_token } = await person.login('grace-app')
    const own = await person.login('grace-app', { resource: ISSUER })
    const sub_id = { format: 'opaque', id: person.sub }
    const refused = async (token: string | null) => {
      const { status, headers } = await end({ sub_id }, token)
      return [status, headers.get('www-authenticate')]
    }
    expect(await refused(null)).toEqual([401, 'Bearer realm="signet"'])
    expect(await refused('x.y.z')).toEqual([401, 'Bearer realm="signet", error="invalid_token"'])
    expect((await refused(access_token))[0]).toBe(401)
    expect(await refused(own.access_token)).toEqual([
      403,
      'Bearer realm="signet", error="insufficient_scope"',
    ])
    expect((await refused(await tokenFor('admin', secret, { scope: 'read' })))[0]).toBe(403)
    expect((await refused(await tokenFor('admin', secret, { resource: API })))[0]).toBe(401)
    const spent = await tokenFor('admin', secret)
    await instance.post('/revoke', { token: spent }, basic('admin', secret))
    expect((await refused(spent))[0]).toBe(401)
    expect(await isActive(instance, access_token)).toBe(true)
  })
})
