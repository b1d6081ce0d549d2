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
} from '../../support/accounts/account-api.ts'
import { NEW_PASSWORD } from '../../support/accounts/mail.ts'
import type { Answer } from '../../support/answer.ts'
import { PASSWORD } from '../../support/ask.ts'
import { hasPostgres } from '../../support/backends.ts'
import { askApp } from '../../support/bindings.ts'
import { untilWaitingForLock } from '../../support/database.ts'
import { type Deployment, deployments, type Instance, openDeployment } from '../../support/deployment.ts'

const CHANGE = { current_password: PASSWORD, new_password: NEW_PASSWORD }
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0'

const list = async (signet: Instance, { access_token }: Pick<Tokens, 'access_token'>) =>
  (await signet.ask('/auth/sessions', { token: access_token })).body.sessions
const change = (signet: Instance, tokens: Pick<Tokens, 'access_token'>, body: object = CHANGE) =>
  signet.ask('/auth/password', { body, token: tokens.access_token })

describe.each(deployments)('the sign-ins of an account ($name)', ({ open }) => {
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

  it('are listed with device, address and times, and without those of another account', async () => {
    await signUp(signet, 'bystander@list.example')
    const first = await signUp(signet, 'list@list.example', {}, { 'User-Agent': FIREFOX })
    const headers = { 'User-Agent': 'curl/8.5.0', 'X-Forwarded-For': '2001:db8::7' }
    const second = await signIn(signet, 'list@list.example', {}, headers)
    const sessions = await list(signet, first)
    expect(sessions).toEqual([
      {
        id: sidOf(second),
        created_at: expect.any(String),
        last_used_at: expect.any(String),
        ip: '2001:db8::7',
        device: 'curl',
        current: false,
      },
      {
        id: sidOf(first),
        created_at: expect.any(String),
        last_used_at: expect.any(String),
        ip: '127.0.0.1',
        device: 'Firefox on Linux',
        current: true,
      },
    ])
    expect(sessions.map(each => each.last_used_at)).toEqual(sessions.map(each => each.created_at))
    expect(Math.abs(Date.parse(sessions[0]?.created_at ?? '') - Date.now())).toBeLessThan(60_000)
    await refreshTokens(signet, first)
    const [used] = await list(signet, second)
    expect(used?.id).toBe(sidOf(first))
    expect(Date.parse(used?.last_used_at ?? '')).toBeGreaterThan(Date.parse(used?.created_at ?? ''))
  })

  it('can each be ended, immediately, and disappear from the list', async () => {
    const kept = await signUp(signet, 'one@end.example')
    const ended = await signIn(signet, 'one@end.example')
    const path = `/auth/sessions/${sidOf(ended)}`
    expect((await signet.ask(path, { method: 'DELETE', token: kept.access_token })).status).toBe(204)
    expect(await lives(signet, ended)).toEqual(DEAD)
    expect((await list(signet, kept)).map(each => each.id)).toEqual([sidOf(kept)])
    expect(outcomeOf(await signet.ask(path, { method: 'DELETE', token: kept.access_token }))).toBe(
      '404 NOT_FOUND',
    )
    expect(await lives(signet, kept)).toEqual(ALIVE)
  })

  it('cannot be ended by another account, which is answered as for an unknown one', async () => {
    const tokens = await signUp(signet, 'owner@end.example')
    const { access_token } = await signUp(signet, 'stranger@end.example')
    const bodies = new Set<string>()
    for (const id of [
      sidOf(tokens),
      '0199a000-0000-7000-8000-000000000000',
      'me',
      "'; drop table users; --",
      '0199A000-0000-7000-8000-00000000000',
      '%00',
      '%E0%A4%A',
      'x'.repeat(2_000),
    ]) {
      const refused = await signet.ask(`/auth/sessions/${id}`, { method: 'DELETE', token: access_token })
      expect([id.slice(0, 40), refused.status]).toEqual([id.slice(0, 40), 404])
      bodies.add(refused.text)
    }
    expect(bodies.size).toBe(1)
    expect(await lives(signet, tokens)).toEqual(ALIVE)
  })

  it('end together, except the one that asks', async () => {
    const kept = await signUp(signet, 'others@end.example')
    const others = [await signIn(signet, 'others@end.example'), await signIn(signet, 'others@end.example')]
    const bystander = await signUp(signet, 'bystander@end.example')
    expect((await signet.ask('/auth/sessions', { method: 'DELETE', token: kept.access_token })).status).toBe(
      204,
    )
    for (const tokens of others) expect(await lives(signet, tokens)).toEqual(DEAD)
    expect(await lives(signet, bystander)).toEqual(ALIVE)
    expect(await lives(signet, kept)).toEqual(ALIVE)
    await signIn(signet, 'others@end.example')
  })

  it('are refused without an access token', async () => {
    for (const [method, path] of [
      ['GET', '/auth/sessions'],
      ['DELETE', '/auth/sessions'],
      ['DELETE', '/auth/sessions/0199a000-0000-7000-8000-000000000000'],
      ['POST', '/auth/password'],
    ] as const)
      expect(outcomeOf(await signet.ask(path, { method }))).toBe('401 AUTH_TOKEN_MISSING')
  })

  it('end when the password changes, except the one that asks', async () => {
    const kept = await signUp(signet, 'change@password.example')
    const other = await signIn(signet, 'change@password.example')
    const bystander = await signUp(signet, 'bystander@password.example')
    expect((await change(signet, kept)).status).toBe(204)
    expect(await lives(signet, other)).toEqual(DEAD)
    const attempt = await trySignIn(signet, 'change@password.example')
    expect(outcomeOf(attempt)).toBe('401 AUTH_CREDENTIALS_INVALID')
    const entered = await signIn(signet, 'change@password.example', { password: NEW_PASSWORD })
    expect(await lives(signet, entered)).toEqual(ALIVE)
    expect(await lives(signet, kept)).toEqual(ALIVE)
    expect(await lives(signet, bystander)).toEqual(ALIVE)
  })

  it('stay alive when the change is refused', async () => {
    const tokens = await signUp(signet, 'refused@password.example')
    const other = await signIn(signet, 'refused@password.example')
    const refusals = [
      [{ ...CHANGE, current_password: 'not the lantern' }, '401 AUTH_CREDENTIALS_INVALID'],
      [{ ...CHANGE, current_password: PASSWORD.padEnd(100, 'x') }, '401 AUTH_CREDENTIALS_INVALID'],
      [{ ...CHANGE, new_password: 'password1' }, '422 FIELDS_INVALID'],
      [{ ...CHANGE, new_password: 'refused-1' }, '422 FIELDS_INVALID'],
      [{}, '422 FIELDS_INVALID'],
      [{ new_password: NEW_PASSWORD }, '401 AUTH_STEP_UP_REQUIRED'],
    ] as const
    for (const [body, code] of refusals) expect(outcomeOf(await change(signet, tokens, body))).toBe(code)
    const { body } = await change(signet, tokens, { new_password: 1 })
    expect(body.errors.map(error => error.pointer)).toEqual(['#/new_password'])
    expect(await lives(signet, other)).toEqual(ALIVE)
    await signIn(signet, 'refused@password.example')
  })
})

describe.skipIf(!hasPostgres)('endings of sign-ins over two instances', () => {
  let deployment: Deployment
  let one: Instance
  let other: Instance
  beforeAll(async () => {
    deployment = await openDeployment([])
    one = await deployment.start()
    other = await deployment.start()
  })
  afterAll(async () => {
    await Promise.all([one.close(), other.close()])
    await deployment.close()
  })
  const rounds = Array.from({ length: 12 }, (_, index) => index)
  const tokensIn = (...answers: readonly Answer[]): readonly Tokens[] =>
    answers.filter(({ status }) => status === 200).map(({ body }) => body)

  it.each(rounds)('end a refresh that races a password change (%d)', async round => {
    const email = `refresh-${round}@race.example`
    const kept = await signUp(one, email)
    const raced = await signIn(one, email)
    const [changed, refreshed] = await Promise.all([change(one, kept), refreshTokens(other, raced)])
    expect(changed.status).toBe(204)
    for (const tokens of [raced, ...tokensIn(refreshed)]) expect(await lives(other, tokens)).toEqual(DEAD)
    expect(await lives(other, kept)).toEqual(ALIVE)
  })

  it.each(rounds)('end a sign-in that races a password change (%d)', async round => {
    const email = `login-${round}@race.example`
    const kept = await signUp(one, email)
    const attempts = [one, other, other].map(signet => trySignIn(signet, email))
    const [changed, ...entered] = await Promise.all([change(one, kept), ...attempts])
    expect(changed?.status).toBe(204)
    for (const tokens of tokensIn(...entered)) expect(await lives(other, tokens)).toEqual(DEAD)
    expect(await list(other, kept)).toHaveLength(1)
    expect(await lives(other, kept)).toEqual(ALIVE)
  })

  it.each(rounds)('keep the sign-in that changes the password alive while it refreshes (%d)', async round => {
    const tokens = await signUp(one, `own-${round}@race.example`)
    const [changed, refreshed] = await Promise.all([
      change(one, tokens),
      slowly(() => refreshTokens(other, tokens)),
    ])
    expect([changed.status, refreshed.status]).toEqual([204, 200])
    expect(await lives(one, refreshed.body)).toEqual(ALIVE)
  })

  /** Starts while the passwords are being hashed, or just after. */
  const slowly = async <T>(use: () => Promise<T>): Promise<T> => {
    for (let turns = Math.random() * 60; turns > 0; turns -= 1) await askApp(other.app, '/livez')
    return use()
  }

  it('do not end a refresh that waits for the password change of its own sign-in', async () => {
    const tokens = await signUp(one, 'waiting@race.example')
    const { database } = deployment
    // The change, held open just before its commit.
    const refreshed = await database.sql.begin(async sql => {
      await sql`update users set credential_epoch = 1 where id = ${tokens.user.id}`
      await sql`update refresh_families set credential_epoch = 1 where id = ${sidOf(tokens)}`
      const pending = refreshTokens(other, tokens)
      await untilWaitingForLock(database)
      return { pending }
    })
    expect((await refreshed.pending).status).toBe(200)
  })

  it('let one of two password changes win, whose sign-in lives', async () => {
    const first = await signUp(one, 'two@race.example')
    const second = await signIn(other, 'two@race.example')
    const passwords = ['the first of the two', 'the second of the two']
    const changes = await Promise.all([
      change(one, first, { ...CHANGE, new_password: passwords[0] }),
      change(other, second, { ...CHANGE, new_password: passwords[1] }),
    ])
    const winner = changes.findIndex(each => each.status === 204)
    expect(changes.map(each => each.status).toSorted((a, b) => a - b)).toEqual([204, 401])
    expect(await lives(one, winner === 0 ? first : second)).toEqual(ALIVE)
    expect(await lives(one, winner === 0 ? second : first)).toEqual(DEAD)
    await signIn(one, 'two@race.example', { password: passwords[winner] })
  })

  it.each(rounds)('end a refresh that races the ending of all others (%d)', async round => {
    const email = `others-${round}@race.example`
    const kept = await signUp(one, email)
    const raced = await signIn(one, email)
    const [ended, refreshed] = await Promise.all([
      one.ask('/auth/sessions', { method: 'DELETE', token: kept.access_token }),
      refreshTokens(other, raced),
    ])
    expect(ended.status).toBe(204)
    for (const tokens of [raced, ...tokensIn(refreshed)]) expect(await lives(other, tokens)).toEqual(DEAD)
    expect(await lives(one, kept)).toEqual(ALIVE)
  })

  it('limit a stolen access token to five guesses a minute, and do not keep the owner from changing the password', async () => {
    const limited = await deployment.start({ environment: { RATE_LIMIT_PASSWORD: '5/60' } })
    try {
      const tokens = await signUp(limited, 'guessed@race.example')
      const owners = await signIn(limited, 'guessed@race.example')
      const wrong = { ...CHANGE, current_password: 'not the lantern' }
      for (let tries = 0; tries < 5; tries += 1)
        expect((await change(limited, tokens, wrong)).status).toBe(401)
      expect(outcomeOf(await change(limited, tokens))).toBe('429 RATE_LIMITED')
      expect((await change(limited, owners)).status).toBe(204)
      expect(await lives(limited, tokens)).toEqual(DEAD)
    } finally {
      await limited.close()
    }
  })
})
