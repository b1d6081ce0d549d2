import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  ALIVE,
  bearerOf,
  DEAD,
  lives,
  login,
  outcome,
  register,
  send,
  sidOf,
  type Tokens,
} from '../../support/accounts/account-api.ts'
import { hasPostgres } from '../../support/backends.ts'
import { askApp } from '../../support/bindings.ts'
import { PASSWORD } from '../../support/ask.ts'
import { type Deployment, deployments, type Instance, openDeployment } from '../../support/deployment.ts'

const NEW_PASSWORD = 'a lighthouse on the cliff'
const CHANGE = { current_password: PASSWORD, new_password: NEW_PASSWORD }
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0'

type Listed = Readonly<{
  id: string
  created_at: string
  last_used_at: string
  ip: string
  device: string
  current: boolean
}>

const list = async (signet: Instance, bearer: Record<string, string>) => {
  const response = await send(signet, 'GET', '/auth/sessions', undefined, bearer)
  return ((await response.json()) as { sessions: readonly Listed[] }).sessions
}
const refresh = (signet: Instance, { refresh_token }: Pick<Tokens, 'refresh_token'>) =>
  send(signet, 'POST', '/auth/refresh', { refresh_token })
const change = (signet: Instance, tokens: Pick<Tokens, 'access_token'>, body: object = CHANGE) =>
  send(signet, 'POST', '/auth/password', body, bearerOf(tokens))

describe.each(deployments)('the sign-ins of a person ($name)', ({ open }) => {
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

  it('are listed with what the person can recognise them by, and nobody else’s', async () => {
    await register(signet, 'bystander@list.example')
    const first = await register(signet, 'list@list.example', {}, { 'User-Agent': FIREFOX })
    const headers = { 'User-Agent': 'curl/8.5.0', 'X-Forwarded-For': '2001:db8::7' }
    const second = await login(signet, 'list@list.example', {}, headers)
    const sessions = await list(signet, first.bearer)
    expect(sessions).toEqual([
      {
        id: sidOf(second.tokens),
        created_at: expect.any(String),
        last_used_at: expect.any(String),
        ip: '2001:db8::7',
        device: 'curl',
        current: false,
      },
      {
        id: sidOf(first.tokens),
        created_at: expect.any(String),
        last_used_at: expect.any(String),
        ip: '127.0.0.1',
        device: 'Firefox on Linux',
        current: true,
      },
    ])
    expect(sessions.map(each => each.last_used_at)).toEqual(sessions.map(each => each.created_at))
    expect(Math.abs(Date.parse(sessions[0]?.created_at ?? '') - Date.now())).toBeLessThan(60_000)
    await refresh(signet, first.tokens)
    const [used] = await list(signet, second.bearer)
    expect(used?.id).toBe(sidOf(first.tokens))
    expect(Date.parse(used?.last_used_at ?? '')).toBeGreaterThan(Date.parse(used?.created_at ?? ''))
  })

  it('end one by one, at once, and leave the list', async () => {
    const kept = await register(signet, 'one@end.example')
    const ended = await login(signet, 'one@end.example')
    const path = `/auth/sessions/${sidOf(ended.tokens)}`
    expect((await send(signet, 'DELETE', path, undefined, kept.bearer)).status).toBe(204)
    expect(await lives(signet, ended.tokens)).toEqual(DEAD)
    expect((await list(signet, kept.bearer)).map(each => each.id)).toEqual([sidOf(kept.tokens)])
    expect(await outcome(send(signet, 'DELETE', path, undefined, kept.bearer))).toBe('404 NOT_FOUND')
    expect(await lives(signet, kept.tokens)).toEqual(ALIVE)
  })

  it('are nobody else’s to end, and the answer is that of one that never was', async () => {
    const { tokens } = await register(signet, 'owner@end.example')
    const { bearer } = await register(signet, 'stranger@end.example')
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
      const refused = await send(signet, 'DELETE', `/auth/sessions/${id}`, undefined, bearer)
      expect([id.slice(0, 40), refused.status]).toEqual([id.slice(0, 40), 404])
      bodies.add(await refused.text())
    }
    expect(bodies.size).toBe(1)
    expect(await lives(signet, tokens)).toEqual(ALIVE)
  })

  it('end all but the one that asks', async () => {
    const kept = await register(signet, 'others@end.example')
    const others = [await login(signet, 'others@end.example'), await login(signet, 'others@end.example')]
    const bystander = await register(signet, 'bystander@end.example')
    expect((await send(signet, 'DELETE', '/auth/sessions', undefined, kept.bearer)).status).toBe(204)
    for (const { tokens } of others) expect(await lives(signet, tokens)).toEqual(DEAD)
    expect(await lives(signet, bystander.tokens)).toEqual(ALIVE)
    expect(await lives(signet, kept.tokens)).toEqual(ALIVE)
    expect((await login(signet, 'others@end.example')).response.status).toBe(200)
  })

  it('ask for a token', async () => {
    for (const [method, path] of [
      ['GET', '/auth/sessions'],
      ['DELETE', '/auth/sessions'],
      ['DELETE', '/auth/sessions/0199a000-0000-7000-8000-000000000000'],
      ['POST', '/auth/password'],
    ] as const)
      expect(await outcome(send(signet, method, path))).toBe('401 AUTH_TOKEN_MISSING')
  })

  it('end but for one when the password changes, and the old password with them', async () => {
    const kept = await register(signet, 'change@password.example')
    const other = await login(signet, 'change@password.example')
    const bystander = await register(signet, 'bystander@password.example')
    expect((await change(signet, kept.tokens)).status).toBe(204)
    expect(await lives(signet, other.tokens)).toEqual(DEAD)
    const attempt = { email: 'change@password.example', password: PASSWORD }
    expect(await outcome(send(signet, 'POST', '/auth/login', attempt))).toBe('401 AUTH_CREDENTIALS_INVALID')
    const entered = await login(signet, 'change@password.example', { password: NEW_PASSWORD })
    expect(await lives(signet, entered.tokens)).toEqual(ALIVE)
    expect(await lives(signet, kept.tokens)).toEqual(ALIVE)
    expect(await lives(signet, bystander.tokens)).toEqual(ALIVE)
  })

  it('stay as they are when the change is refused', async () => {
    const { tokens } = await register(signet, 'refused@password.example')
    const other = await login(signet, 'refused@password.example')
    const refusals = [
      [{ ...CHANGE, current_password: 'not the lantern' }, '401 AUTH_CREDENTIALS_INVALID'],
      [{ ...CHANGE, current_password: PASSWORD.padEnd(100, 'x') }, '401 AUTH_CREDENTIALS_INVALID'],
      [{ ...CHANGE, new_password: 'password1' }, '422 FIELDS_INVALID'],
      [{ ...CHANGE, new_password: 'refused-1' }, '422 FIELDS_INVALID'],
      [{}, '422 FIELDS_INVALID'],
      [{ new_password: NEW_PASSWORD }, '401 AUTH_STEP_UP_REQUIRED'],
    ] as const
    for (const [body, code] of refusals) expect(await outcome(change(signet, tokens, body))).toBe(code)
    const response = await change(signet, tokens, { new_password: 1 })
    const { errors } = (await response.json()) as { errors: readonly { pointer: string }[] }
    expect(errors.map(error => error.pointer)).toEqual(['#/new_password'])
    expect(await lives(signet, other.tokens)).toEqual(ALIVE)
    expect((await login(signet, 'refused@password.example')).response.status).toBe(200)
  })
})

describe.skipIf(!hasPostgres)('ending sign-ins over two instances', () => {
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
  const tokensOf = async (response: Response): Promise<Tokens | null> =>
    response.ok ? ((await response.json()) as Tokens) : null

  it.each(rounds)('a refresh that races a password change leaves nothing alive (%d)', async round => {
    const email = `refresh-${round}@race.example`
    const { tokens: kept } = await register(one, email)
    const { tokens: raced } = await login(one, email)
    const [changed, refreshed] = await Promise.all([change(one, kept), refresh(other, raced)])
    expect(changed.status).toBe(204)
    const successor = await tokensOf(refreshed)
    for (const tokens of [raced, ...(successor ? [successor] : [])])
      expect(await lives(other, tokens)).toEqual(DEAD)
    expect(await lives(other, kept)).toEqual(ALIVE)
  })

  it.each(rounds)('a sign-in that races a password change leaves nothing alive (%d)', async round => {
    const email = `login-${round}@race.example`
    const { tokens: kept } = await register(one, email)
    const attempts = [one, other, other].map(signet =>
      send(signet, 'POST', '/auth/login', { email, password: PASSWORD }),
    )
    const [changed, ...entered] = await Promise.all([change(one, kept), ...attempts])
    expect(changed?.status).toBe(204)
    for (const response of entered) {
      const tokens = await tokensOf(response)
      if (tokens !== null) expect(await lives(other, tokens)).toEqual(DEAD)
    }
    expect(await list(other, bearerOf(kept))).toHaveLength(1)
    expect(await lives(other, kept)).toEqual(ALIVE)
  })

  it.each(rounds)(
    'a change does not end the sign-in that asked, which refreshes meanwhile (%d)',
    async round => {
      const { tokens } = await register(one, `own-${round}@race.example`)
      const [changed, ...refreshed] = await Promise.all([
        change(one, tokens),
        slowly(() => refresh(other, tokens)),
      ])
      expect([changed.status, ...refreshed.map(each => each.status)]).toEqual([204, 200])
      const successor = refreshed[0] && (await tokensOf(refreshed[0]))
      expect(successor && (await lives(one, successor))).toEqual(ALIVE)
    },
  )

  /** Somewhere in the two hundred milliseconds for which the passwords are hashed, or at their end. */
  const slowly = async <T>(use: () => Promise<T>): Promise<T> => {
    for (let turns = Math.random() * 60; turns > 0; turns -= 1) await askApp(other.app, '/livez')
    return use()
  }

  it('a change that is about to be committed does not end the refresh that waits for it', async () => {
    const { tokens } = await register(one, 'waiting@race.example')
    const { database } = deployment
    const isWaiting = async () => {
      const [row] = await database.sql`
        select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
      return row !== undefined
    }
    // The change, held open at the moment before its end.
    const refreshed = await database.sql.begin(async sql => {
      await sql`update users set credential_epoch = 1 where id = ${tokens.user.id}`
      await sql`update refresh_families set credential_epoch = 1 where id = ${sidOf(tokens)}`
      const pending = refresh(other, tokens)
      await expect.poll(isWaiting).toBe(true)
      return { pending }
    })
    expect((await refreshed.pending).status).toBe(200)
  })

  it('of two changes at once one holds, and its sign-in lives', async () => {
    const { tokens: first } = await register(one, 'two@race.example')
    const { tokens: second } = await login(other, 'two@race.example')
    const passwords = ['the first of the two', 'the second of the two']
    const changes = await Promise.all([
      change(one, first, { ...CHANGE, new_password: passwords[0] }),
      change(other, second, { ...CHANGE, new_password: passwords[1] }),
    ])
    const winner = changes.findIndex(each => each.status === 204)
    expect(changes.map(each => each.status).toSorted((a, b) => a - b)).toEqual([204, 401])
    expect(await lives(one, winner === 0 ? first : second)).toEqual(ALIVE)
    expect(await lives(one, winner === 0 ? second : first)).toEqual(DEAD)
    const { response } = await login(one, 'two@race.example', { password: passwords[winner] })
    expect(response.status).toBe(200)
  })

  it.each(rounds)(
    'ending all others leaves nothing alive that signs in or refreshes meanwhile (%d)',
    async round => {
      const email = `others-${round}@race.example`
      const { tokens: kept } = await register(one, email)
      const { tokens: raced } = await login(one, email)
      const [ended, refreshed] = await Promise.all([
        send(one, 'DELETE', '/auth/sessions', undefined, bearerOf(kept)),
        refresh(other, raced),
      ])
      expect(ended.status).toBe(204)
      const successor = await tokensOf(refreshed)
      for (const tokens of [raced, ...(successor ? [successor] : [])])
        expect(await lives(other, tokens)).toEqual(DEAD)
      expect(await lives(one, kept)).toEqual(ALIVE)
    },
  )

  it('a stolen token guesses the password five times a minute, and keeps nobody from changing it', async () => {
    const limited = await deployment.start({ environment: { RATE_LIMIT_PASSWORD: '5/60' } })
    try {
      const { tokens } = await register(limited, 'guessed@race.example')
      const { tokens: owners } = await login(limited, 'guessed@race.example')
      const wrong = { ...CHANGE, current_password: 'not the lantern' }
      for (let tries = 0; tries < 5; tries += 1)
        expect((await change(limited, tokens, wrong)).status).toBe(401)
      expect(await outcome(change(limited, tokens))).toBe('429 RATE_LIMITED')
      expect((await change(limited, owners)).status).toBe(204)
      expect(await lives(limited, tokens)).toEqual(DEAD)
    } finally {
      await limited.close()
    }
  })
})
