import type { Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  ALIVE,
  DEAD,
  lives,
  outcomeOf,
  refreshTokens,
  sidOf,
  signIn,
  signUp,
  type Tokens,
  trySignIn,
  trySignUp,
} from '../../support/accounts/account-api.ts'
import { PASSWORD } from '../../support/ask.ts'
import { hasPostgres } from '../../support/backends.ts'
import { askApp } from '../../support/bindings.ts'
import { untilWaitingForLock } from '../../support/database.ts'
import { type Deployment, deployments, type Instance, openDeployment } from '../../support/deployment.ts'
import { createCookieBrowser } from '../../support/pages/cookie-browser.ts'

const DELETION = { current_password: PASSWORD }
const remove = (
  signet: Instance,
  { access_token }: Pick<Tokens, 'access_token'>,
  body: unknown = DELETION,
  headers = {},
) => signet.ask('/auth/me', { method: 'DELETE', body, token: access_token, headers })

describe.each(deployments)('DELETE /auth/me and GET /auth/me/export ($name)', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([])
    signet = await deployment.start()
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })

  it('deletes the account by its password, ends every sign-in, and frees the e-mail', async () => {
    const bystander = await signUp(signet, 'bystander@own.example')
    const tokens = await signUp(signet, 'gone@own.example')
    const elsewhere = await signIn(signet, 'gone@own.example')
    expect(outcomeOf(await remove(signet, tokens, { current_password: 'not the lantern' }))).toBe(
      '401 AUTH_CREDENTIALS_INVALID',
    )
    expect(await lives(signet, elsewhere)).toEqual(ALIVE)
    expect(outcomeOf(await remove(signet, tokens))).toBe('204')
    expect(await lives(signet, tokens)).toEqual(DEAD)
    expect(await lives(signet, elsewhere)).toEqual(DEAD)
    expect(outcomeOf(await remove(signet, tokens))).toBe('401 AUTH_TOKEN_INVALID')
    expect((await trySignIn(signet, 'gone@own.example')).status).toBe(401)
    const next = await signUp(signet, 'gone@own.example')
    expect(next.user.id).not.toBe(tokens.user.id)
    expect(await lives(signet, tokens)).toEqual(DEAD)
    expect(await lives(signet, bystander)).toEqual(ALIVE)
  })

  it.each([
    [{}, '401 AUTH_STEP_UP_REQUIRED'],
    [{ current_password: 7 }, '422 FIELDS_INVALID'],
    [{ current_password: '' }, '401 AUTH_CREDENTIALS_INVALID'],
    [{ current_password: `${PASSWORD}${'x'.repeat(80)}` }, '401 AUTH_CREDENTIALS_INVALID'],
    [{ password: PASSWORD }, '401 AUTH_STEP_UP_REQUIRED'],
    [undefined, '401 AUTH_STEP_UP_REQUIRED'],
  ])('deletes nothing when the body is %j', async (body, expected) => {
    const tokens = await signUp(signet, `stays-${JSON.stringify(body)?.length}@own.example`)
    expect(
      outcomeOf(await signet.ask('/auth/me', { method: 'DELETE', body, token: tokens.access_token })),
    ).toBe(expected)
    expect(outcomeOf(await signet.ask('/auth/me', { method: 'DELETE', body: DELETION }))).toBe(
      '401 AUTH_TOKEN_MISSING',
    )
    expect(await lives(signet, tokens)).toEqual(ALIVE)
  })

  it('clears the browser’s cookies with the account', async () => {
    const { body, headers } = await trySignUp(signet, 'cookie@own.example', { refresh_transport: 'cookie' })
    const cookies = headers.getSetCookie().map(cookie => cookie.split(';', 1)[0] ?? '')
    const deleted = await remove(signet, body, DELETION, { Cookie: cookies.join('; ') })
    expect(deleted.status).toBe(204)
    expect(deleted.headers.getSetCookie().map(cookie => cookie.split(';').slice(0, 3).join(';'))).toEqual([
      'signet-refresh=; Path=/; Max-Age=0',
      'signet-device=; Path=/; Max-Age=0',
    ])
    expect((await signUp(signet, 'nocookie@own.example')).refresh_token).toBeTruthy()
  })

  it('exports the account with every sign-in that is kept, and no digest', async () => {
    await signUp(signet, 'other@own.example')
    const first = await signUp(signet, 'export@own.example', {}, { 'User-Agent': 'curl/8.5.0' })
    const second = await signIn(signet, 'export@own.example')
    await signet.ask(`/auth/sessions/${sidOf(second)}`, {
      method: 'DELETE',
      token: first.access_token,
    })
    const response = await signet.ask('/auth/me/export', { token: first.access_token })
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('content-disposition')).toContain('attachment')
    const { text } = response
    const { account, factors, sign_ins, ...more } = JSON.parse(text) as {
      factors: unknown
      account: object
      sign_ins: readonly Readonly<Record<string, unknown>>[]
    }
    expect(account).toMatchObject({ id: first.user.id, email: 'export@own.example', roles: ['user'] })
    expect(factors).toEqual({ totp: null, passkeys: [], recovery_codes: 0 })
    expect(sign_ins.map(({ id, ended_because }) => [id, ended_because])).toEqual([
      [sidOf(second), 'signed_out'],
      [sidOf(first), null],
    ])
    expect(sign_ins[1]).toMatchObject({ ip: '127.0.0.1', user_agent: 'curl/8.5.0', amr: ['pwd'] })
    expect(more).toMatchObject({ browser_sessions: [], consents: [] })
    expect(text).not.toMatch(/digest|salt|pepper|\$2[aby]\$|other@own/)
    expect(outcomeOf(await signet.ask('/auth/me/export'))).toBe('401 AUTH_TOKEN_MISSING')
  })

  it('exports the profile, the id of another system, the browsers and what was granted', async () => {
    const email = 'whole@own.example'
    const { access_token: token, user } = await signUp(signet, email)
    await signet.ask('/auth/me', { method: 'PATCH', body: { name: 'Ada' }, token })
    const { sql } = deployment.database
    await sql`update users set external_id = 'auth0|whole' where id = ${user.id}`
    for (const [client_id, granted] of Object.entries({ notes: ['openid https://api.example'], gone: [] }))
      await sql`insert into consents (user_id, client_id, granted) values (${user.id}, ${client_id}, ${granted})`
    const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0' }
    const browser = createCookieBrowser(signet, headers)
    expect((await browser.signIn(email)).status).toBe(303)
    const { text } = await signet.ask('/auth/me/export', { token })
    expect(JSON.parse(text)).toMatchObject({
      account: {
        name: 'Ada',
        external_id: 'auth0|whole',
        language: 'en',
        updated_at: expect.any(String),
      },
      browser_sessions: [{ amr: ['pwd'], ip: '127.0.0.1', device: 'Firefox on Linux' }],
      consents: [
        { client_id: 'gone', granted: [], granted_at: expect.any(String) },
        { client_id: 'notes', granted: ['openid https://api.example'], granted_at: expect.any(String) },
      ],
    })
    expect(text).not.toMatch(/digest|salt|signet_bs_/)
  })
})

describe.runIf(hasPostgres)('the deletion of an account over two instances', () => {
  let deployment: Deployment
  let sql: Sql
  let one: Instance
  let other: Instance
  beforeAll(async () => {
    deployment = await openDeployment([])
    one = await deployment.start()
    other = await deployment.start()
    sql = deployment.database.sql
  })
  afterAll(async () => {
    await one.close()
    await other.close()
    await deployment.close()
  })
  const rounds = Array.from({ length: 8 }, (_, round) => round)
  it('leaves only feed entries that hold no e-mail', async () => {
    const email = 'named@life.example'
    const tokens = await signUp(one, email)
    const { id } = tokens.user
    expect((await remove(one, tokens)).status).toBe(204)
    const left = {
      revocations:
        await sql`select kind from revocations where value in (${id}, ${sidOf(tokens)}) order by kind`,
      users: await sql`select from users where id = ${id} or email = ${email}`,
      families: await sql`select from refresh_families where user_id = ${id}`,
      named: await sql`select from revocations where value like '%@%'`,
    }
    expect(left.revocations.map(({ kind }) => kind)).toEqual(['sid', 'sub'])
    expect([left.users, left.families, left.named].map(rows => rows.length)).toEqual([0, 0, 0])
  })

  it.each(rounds)('ends every refresh and sign-in that runs at the same time (%d)', async round => {
    const email = `raced-${round}@life.example`
    const tokens = await signUp(one, email)
    const raced = await signIn(one, email)
    const [deleted, refreshed, entered] = await Promise.all([
      remove(one, tokens),
      refreshLater(raced, round),
      trySignIn(other, email),
    ])
    expect(deleted.status).toBe(204)
    for (const answer of [refreshed, entered]) {
      expect([200, 401]).toContain(answer.status)
      if (answer.status !== 200) continue
      expect(await lives(one, answer.body)).toEqual(DEAD)
      expect(await lives(other, answer.body)).toEqual(DEAD)
    }
    expect(await sql`select from users where email = ${email}`).toHaveLength(0)
  })

  /** Refreshes while the deletion checks the password, or just after. */
  const refreshLater = async (tokens: Tokens, round: number) => {
    for (let turns = round * 12; turns > 0; turns -= 1) await askApp(other.app, '/livez')
    return refreshTokens(other, tokens)
  }

  it('ends the access token of a refresh that it had to wait for, in the feed too', async () => {
    const tokens = await signUp(one, 'waiting@life.example')
    const { id } = tokens.user
    // A rotation on another instance, held open just before its commit.
    const { pending, at } = await sql.begin(async rotation => {
      await rotation`
        update refresh_families set generation = generation + 1 where user_id = ${id} and id = ${sidOf(tokens)}`
      const deletion = remove(one, tokens)
      await untilWaitingForLock(deployment.database)
      const [row] = await rotation<{ iat: number }[]>`
          select floor(extract(epoch from clock_timestamp()))::float8 as iat`
      return { pending: deletion, at: row?.iat ?? Number.NaN }
    })
    expect((await pending).status).toBe(204)
    const [entry] = await sql<{ until: number }[]>`
        select floor(extract(epoch from issued_until))::float8 as until from revocations where value = ${id}`
    // A token that was issued in the same second is ended by the entry of its sign-in.
    expect(entry?.until).toBeGreaterThanOrEqual(at - 1)
    expect(await sql`select from revocations where kind = 'sid' and value = ${sidOf(tokens)}`).toHaveLength(1)
  })

  it('either deletes the account or changes its password when both race, and no deleted account comes back', async () => {
    const email = 'both@life.example'
    const tokens = await signUp(one, email)
    const second = await signIn(other, email)
    const change = { current_password: PASSWORD, new_password: 'a lighthouse on the cliff' }
    const answers = await Promise.all([
      remove(one, tokens),
      other.ask('/auth/password', { body: change, token: second.access_token }),
    ])
    expect(answers.map(each => each.status).toSorted((a, b) => a - b)).toEqual([204, 401])
    const isGone = answers[0]?.status === 204
    expect(await sql`select from users where email = ${email}`).toHaveLength(isGone ? 0 : 1)
    expect(await lives(one, tokens)).toEqual(DEAD)
  })

  it('counts wrong passwords together with those of password changes, and limits exports', async () => {
    const limited = await deployment.start({ environment: { RATE_LIMIT_PASSWORD: '3/60' } })
    try {
      const tokens = await signUp(limited, 'guessed@life.example')
      const wrong = { current_password: 'not the lantern', new_password: 'a lighthouse on the cliff' }
      for (let tries = 0; tries < 2; tries += 1)
        expect((await remove(limited, tokens, wrong)).status).toBe(401)
      expect((await limited.ask('/auth/password', { body: wrong, token: tokens.access_token })).status).toBe(
        401,
      )
      expect(outcomeOf(await remove(limited, tokens))).toBe('429 RATE_LIMITED')
      const download = async () =>
        outcomeOf(await limited.ask('/auth/me/export', { token: tokens.access_token }))
      for (let tries = 0; tries < 3; tries += 1) expect(await download()).toBe('200')
      expect(await download()).toBe('429 RATE_LIMITED')
    } finally {
      await limited.close()
    }
  })
})
