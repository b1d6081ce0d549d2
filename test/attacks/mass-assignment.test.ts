import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { claimsOf, signIn, signUp, type Tokens } from '../support/accounts/account-api.ts'
import { NEW_PASSWORD } from '../support/accounts/mail.ts'
import { PASSWORD } from '../support/ask.ts'
import { hasPostgres } from '../support/backends.ts'
import { askApp } from '../support/bindings.ts'
import { type Database } from '../support/database.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../support/deployment.ts'
import { openapi } from '../support/openapi.ts'

const VICTIM = '01900000-0000-7000-8000-00000000dead'

/** Every name under which an account might keep a privilege. */
const COVETED = {
  roles: ['admin'],
  role: 'admin',
  'roles[]': 'admin',
  is_admin: true,
  first_party: true,
  email_verified: true,
  email_verified_at: '2020-01-01T00:00:00Z',
  emailVerified: true,
  verified: true,
  disabled: false,
  disabled_at: '2020-01-01T00:00:00Z',
  id: VICTIM,
  sub: VICTIM,
  user_id: VICTIM,
  credential_epoch: 99,
  created_at: '1970-01-01T00:00:00Z',
  external_id: 'auth0|admin',
  password_digest: `$2b$04$${'a'.repeat(53)}`,
  amr: ['mfa'],
  acr: 'high',
  scope: 'signet:admin',
  audience: ['https://elsewhere.example'],
}

/** The text that is added to an honest body, before and after its own members. */
const TRICKS: readonly Readonly<{ trick: string; before: string; after: string }>[] = [
  { trick: 'plainly', before: '', after: inner(COVETED) },
  { trick: 'ahead of the honest fields', before: inner(COVETED), after: '' },
  { trick: 'twice', before: inner({ roles: ['user'] }), after: `${inner(COVETED)},${inner(COVETED)}` },
  {
    trick: 'in user, account, profile and data',
    before: '',
    after: inner({ user: COVETED, account: COVETED, profile: COVETED, data: COVETED, '': COVETED }),
  },
  { trick: 'in __proto__', before: '', after: `"__proto__":${JSON.stringify(COVETED)}` },
  {
    trick: 'in constructor.prototype',
    before: '',
    after: inner({ constructor: { prototype: COVETED }, prototype: COVETED }),
  },
  {
    trick: 'as paths',
    before: '',
    after: inner({ 'user.roles': ['admin'], 'user[roles]': ['admin'], '/roles': ['admin'], $set: COVETED }),
  },
  {
    trick: 'in other spellings',
    before: '',
    after: inner({
      Roles: ['admin'],
      ROLES: ['admin'],
      ｒoles: ['admin'],
      'roles\u0000': ['admin'],
      ' roles': ['admin'],
    }),
  },
  {
    trick: 'with escaped names',
    before: '',
    after: String.raw`"rol\u0065s":["admin"],"email\u005fverified":true,"\u005f_proto__":{"roles":["admin"]}`,
  },
]

function inner(members: object): string {
  return JSON.stringify(members).slice(1, -1)
}

/** The honest bodies of the endpoints that take one. Every other endpoint of openapi.yaml gets the added text alone. */
const honest = (path: string, tokens: Tokens, email: string): object => {
  switch (path) {
    case '/auth/register':
      return { email: `new-${email}`, password: PASSWORD }
    case '/auth/login':
      return { email, password: PASSWORD }
    case '/auth/refresh':
      return { refresh_token: tokens.refresh_token }
    case '/auth/password':
      return { current_password: PASSWORD, new_password: NEW_PASSWORD }
    case '/auth/logout':
      return { everywhere: true }
    default:
      return {}
  }
}

const endpoints = Object.entries(openapi.paths)
  .filter(([path]) => path.startsWith('/auth/'))
  .flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter(method => ['get', 'post', 'put', 'patch', 'delete'].includes(method))
      .map(method => ({ method: method.toUpperCase(), path })),
  )
const attacks = endpoints.flatMap(endpoint => TRICKS.map(trick => ({ ...endpoint, ...trick })))

describe.runIf(hasPostgres)('mass assignment of roles and verified flags', () => {
  let deployment: Deployment
  let signet: Instance
  let database: Database
  beforeAll(async () => {
    deployment = await openDeployment([])
    signet = await deployment.start()
    database = deployment.database
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })

  const ask = async (method: string, path: string, body: string, headers: Readonly<Record<string, string>>) =>
    askApp(signet.app, path, {
      method,
      ...(method === 'GET' ? {} : { body }),
      headers: {
        ...(method === 'GET'
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
        'X-Roles': 'admin',
        'X-User-Roles': 'admin',
        ...headers,
      },
    })
  const rows = (email: string) => database.sql`
    select id, email, roles, email_verified_at, disabled_at, created_at, external_id from users where email like ${`%${email}`} order by id`

  it('is tried at all endpoints', () => {
    expect(endpoints.length).toBeGreaterThanOrEqual(11)
  })

  let people = 0
  it.each(attacks)('changes nothing at $method $path, $trick', async ({ method, path, before, after }) => {
    people += 1
    const email = `person-${people}@mass.example`
    const tokens = await signUp(signet, email)
    const [account] = await rows(email)
    const body = `{${[before, inner(honest(path, tokens, email)), after].filter(Boolean).join(',')}}`
    const query = '?roles=admin&role=admin&email_verified=true'
    const headers = { Authorization: `Bearer ${tokens.access_token}` }
    const answer = await ask(method, `${path.replace('{id}', VICTIM)}${query}`, body, headers)
    expect(answer.status).toBeLessThan(500)
    if (path === '/auth/register') expect(answer.status).toBe(201)
    const text = await answer.text()
    expect(text).not.toMatch(/"(?:admin|high|mfa)"/)
    for (const row of await rows(email)) {
      expect(row).toMatchObject({ roles: ['user'], email_verified_at: null, disabled_at: null })
      expect(row['id']).not.toBe(VICTIM)
      expect(row['created_at'].getTime()).toBeGreaterThan(Date.now() - 600_000)
    }
    // No request but a deletion may have changed the account.
    const [now] = await rows(email)
    expect(now).toEqual(account)
    const { access_token } = text.startsWith('{') ? (JSON.parse(text) as Partial<Tokens>) : {}
    if (access_token !== undefined)
      expect(claimsOf(access_token)).toMatchObject({
        roles: ['user'],
        amr: ['pwd'],
        scope: 'account',
        aud: ISSUER,
      })
    expect(Object.keys({})).toEqual([])
    expect(({} as { roles?: unknown }).roles).toBeUndefined()
  })

  it.each([
    ['a list', (body: object) => JSON.stringify([body]), 400],
    ['a list of pairs', (body: object) => JSON.stringify(Object.entries(body)), 400],
    ['a text of JSON', (body: object) => JSON.stringify(JSON.stringify(body)), 400],
    ['two objects', (body: object) => JSON.stringify(body).repeat(2), 400],
    [
      'an e-mail that is an object',
      (body: object) => JSON.stringify({ ...body, email: { email: 'x@y.example', ...COVETED } }),
      422,
    ],
    ['an e-mail that is a list', (body: object) => JSON.stringify({ ...body, email: ['x@y.example'] }), 422],
    [
      'a password that is an object',
      (body: object) => JSON.stringify({ ...body, password: { $ne: null } }),
      422,
    ],
    ['comments', (body: object) => JSON.stringify(body).replace('{', '{/*"roles":["admin"],*/'), 400],
  ])('is refused at a registration as %s', async (_, write, status) => {
    const body = write({ email: 'list@mass.example', password: PASSWORD, ...COVETED })
    expect((await ask('POST', '/auth/register', body, {})).status).toBe(status)
    expect(await rows('list@mass.example')).toHaveLength(0)
  })

  it('uses the last of two members with one name, for the check and for the account', async () => {
    const body = `{"email":"first@mass.example","email":"SECOND@mass.example","password":"short","password":"${PASSWORD}"}`
    const answer = await ask('POST', '/auth/register', body, {})
    expect(answer.status).toBe(201)
    expect(await answer.json()).toMatchObject({ user: { email: 'second@mass.example' } })
    expect(await rows('first@mass.example')).toHaveLength(0)
  })

  it('changes nothing at the token endpoint', async () => {
    await signUp(signet, 'token@mass.example')
    const tokens = await signIn(signet, 'token@mass.example')
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'first-party',
      refresh_token: tokens.refresh_token,
      roles: 'admin',
      'roles[]': 'admin',
      email_verified: 'true',
      claims: JSON.stringify(COVETED),
    }).toString()
    const answer = await ask('POST', '/token', form, {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Content-Length': String(form.length),
    })
    const { access_token } = (await answer.json()) as Tokens
    expect(claimsOf(access_token)).toMatchObject({ roles: ['user'] })
    expect(await rows('token@mass.example')).toMatchObject([{ roles: ['user'], email_verified_at: null }])
  })
})
