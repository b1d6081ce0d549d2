import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { migrate } from '../../src/store/migrations/migrate.ts'
import { ALIVE, DEAD, lives, trySignIn } from '../support/accounts/account-api.ts'
import { NEW_PASSWORD } from '../support/accounts/mail.ts'
import type { Answer, Body } from '../support/answer.ts'
import { newEmail, times } from '../support/ask.ts'
import { hasCitus } from '../support/backends.ts'
import { CLIENT_CREDENTIALS, SERVICE } from '../support/clients.ts'
import { DEEDS, introspect } from '../support/faults/deeds.ts'
import { followEach, revocationQueryOf } from '../support/faults/followers.ts'
import {
  portOfPerson,
  type Residents,
  registerResidents,
  tryRegistrations,
} from '../support/faults/residents.ts'
import { openStage, type Stage } from '../support/faults/stage.ts'
import { type SupervisedCitus, startSupervisedCitus } from '../support/faults/supervised-citus.ts'
import { openHookReceiver } from '../support/services/hook-receiver.ts'

const SETTINGS = {
  REFRESH_TOKEN_VERSION: '2',
  RATE_LIMIT_LOGIN: 'off',
  RATE_LIMIT_ACCOUNTS: 'off',
  RATE_LIMIT_SECOND_FACTOR: 'off',
}
/** Within which an acknowledged ending must reach every follower. */
const HEARD_MILLISECONDS = 2_000
/** Within which everything recovers by itself. */
const RECOVERY_MILLISECONDS = 60_000
/** The janitor sweeps once a minute. */
const SWEPT_MILLISECONDS = 150_000
/** Registrations while the worker is away: one in a million runs has all of them on one worker. */
const REGISTRATIONS = 20

const AWAY = '503, try again'
const DONE: Readonly<Record<keyof typeof DEEDS, string>> = {
  'sign in': '200',
  'sign in with a code': '200',
  'sign in with a recovery code': '200',
  refresh: '200',
  introspect: '200 active',
  'read the account': '200',
  'export the account': '200',
  revoke: '200, heard',
  'sign out': '204, heard',
  'sign out everywhere': '204, heard',
  'change the password': '204, heard',
}
const NOT_DONE = Object.fromEntries(Object.keys(DEEDS).map(deed => [deed, AWAY]))

// One cluster and one absence for all: each test asks about another part of it, and they run in this order.
describe.skipIf(!hasCitus)('while one worker of Citus is away', () => {
  let stage: Stage
  let citus: SupervisedCitus
  let living: Residents
  let gone: Residents
  let followers: ReturnType<typeof followEach>
  let registered: Awaited<ReturnType<typeof tryRegistrations>>
  const refreshed: Body[] = []

  beforeAll(async () => {
    citus = await startSupervisedCitus()
    stage = await openStage(citus, SETTINGS)
    followers = followEach(stage.instances)
    const [lost, kept] = citus.workers
    if (lost === undefined || kept === undefined) throw new Error('a cluster has two workers')
    const residents = await registerResidents(stage, [portOf(lost), portOf(kept)])
    const [ofLost, ofKept] = [residents.get(portOf(lost)), residents.get(portOf(kept))]
    if (ofLost === undefined || ofKept === undefined) throw new Error('a worker without people')
    gone = ofLost
    living = ofKept
    lost.takeAway()
  }, 300_000)
  afterAll(async () => {
    for (const follower of followers ?? []) follower.close()
    await stage?.close()
    await citus?.stop()
  })

  /** What a person and the followers of the feed see of each deed. */
  const act = async (residents: Residents): Promise<Readonly<Record<string, string>>> => {
    const outcomes: Record<string, string> = {}
    for (const [turn, [deed, { ask, ended = () => [] }]] of Object.entries(DEEDS).entries()) {
      const answer = await ask(stage.instances[turn % 2 === 0 ? 0 : 1], residents)
      if (deed === 'refresh' && answer.status === 200) refreshed.push(answer.body)
      outcomes[deed] = seen(answer) + (answer.status < 300 ? await heardOf(ended(residents)) : '')
    }
    return outcomes
  }
  const heardOf = async (ended: readonly Pick<Body, 'access_token'>[]): Promise<string> => {
    if (ended.length === 0) return ''
    const queries = ended.map(({ access_token }) => revocationQueryOf(access_token))
    const isHeard = () =>
      followers.every(follower => queries.every(query => follower.check(query) === 'revoked'))
    for (const until = performance.now() + HEARD_MILLISECONDS; performance.now() < until; await pause(20))
      if (isHeard()) return ', heard'
    return ', unheard'
  }

  it('its people get 503, and those of the others do everything', async () => {
    const [of_living, of_gone] = await Promise.all([act(living), act(gone)])
    expect({ of_living, of_gone }).toEqual({ of_living: DONE, of_gone: NOT_DONE })
  })

  it('a server starts, and serves the people of the others', async () => {
    // As before each start of a deployment. The month that is missing can be made later.
    expect(await migrate({ url: stage.url, months_ahead: 13 })).toEqual([])
    const webhook = await openHookReceiver(() => {})
    onTestFinished(() => webhook.close())
    const started = await stage.openInstance({
      EVENTS_WEBHOOK_URL: webhook.url,
      OUTBOUND_ALLOW: '127.0.0.1',
    })
    expect((await started.ask('/readyz')).body).toMatchObject({ status: 'ready' })
    expect((await trySignIn(started, living.plain.email)).status).toBe(200)
    expect(seen(await introspect(started, living.plain.kept))).toBe('200 active')
    expect(seen(await trySignIn(started, gone.plain.email))).toBe(AWAY)
  })

  it('the servers are ready, and answer what is of no person', async () => {
    for (const { ask } of stage.instances) {
      expect((await ask('/readyz')).body).toMatchObject({ status: 'ready' })
      expect((await ask('/revocations')).status).toBe(200)
      expect((await ask('/token', { form: CLIENT_CREDENTIALS, headers: SERVICE })).status).toBe(200)
      expect((await trySignIn({ ask }, newEmail())).status).toBe(401)
    }
  })

  it('an account is registered on a living worker alone', async () => {
    const emails = times(REGISTRATIONS).map(newEmail)
    registered = await tryRegistrations(stage.instances[0], emails)
    const outcomes = new Set(registered.map(({ outcome }) => outcome))
    expect(outcomes).toEqual(new Set(['201', '503 UNAVAILABLE']))
    for (const { sub } of registered)
      if (sub !== null) expect(await portOfPerson(stage.database.sql, sub)).toBe(portOfLiving())
  })

  it('a crowd of its people holds up no other', async () => {
    const crowd = times(100).map(() => introspect(stage.instances[0], gone.plain.kept))
    expect(seen(await introspect(stage.instances[0], living.plain.kept))).toBe('200 active')
    expect(new Set((await Promise.all(crowd)).map(seen))).toEqual(new Set([AWAY]))
  })

  it('an ended sign-in of another person stays ended, and a living one lives', async () => {
    expect(await stateOf(living)).toEqual(ENDED)
  })

  it('its people do everything when it is there again', async () => {
    citus.workers[0]?.bringBack()
    await stage.recover()
    await expect
      .poll(async () => (await trySignIn(stage.instances[1], gone.plain.email)).status, {
        timeout: RECOVERY_MILLISECONDS,
      })
      .toBe(200)
    expect(await act(gone)).toEqual(DONE)
    expect(await stateOf(gone)).toEqual(ENDED)
    expect(await stateOf(living)).toEqual(ENDED)
  })

  it('an address that was answered with 503 is registered then', async () => {
    const refused = registered.filter(({ sub }) => sub === null).map(({ email }) => email)
    const again = await tryRegistrations(stage.instances[1], refused)
    expect(again.map(({ outcome }) => outcome)).toEqual(refused.map(() => '201'))
    for (const { email } of registered)
      expect((await trySignIn(stage.instances[0], email)).status, email).toBe(200)
  })

  it('each acknowledged rotation is kept', async () => {
    expect(refreshed).toHaveLength(2)
    for (const { refresh_token } of refreshed) {
      const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token }
      expect((await stage.instances[0].ask('/token', { form })).status).toBe(200)
    }
  })

  it('no commit is left between its phases, and every event gets its place', async () => {
    const sql = stage.database.sql
    await expect
      .poll(
        () => sql`select result from run_command_on_all_nodes('select count(*) from pg_prepared_xacts')`,
        {
          timeout: RECOVERY_MILLISECONDS,
        },
      )
      .toEqual(['0', '0', '0'].map(result => ({ result })))
    await expect
      .poll(() => sql`select count(*)::int as waiting from unplaced_events`, { timeout: SWEPT_MILLISECONDS })
      .toEqual([{ waiting: 0 }])
  })

  const portOfLiving = (): number => (citus.workers[1] === undefined ? 0 : portOf(citus.workers[1]))

  /** What is left of the sign-ins of the residents, once they have acted. */
  const stateOf = async ({ plain, leaving, changing }: Residents) => {
    const [server, other] = stage.instances
    const isActive = async (tokens: Body) => (await introspect(other, tokens)).body.active
    return {
      kept: await isActive(plain.kept),
      revoked: await isActive(plain.revoked),
      left: [await isActive(leaving.other), await lives(server, leaving.tokens)],
      changed: [
        await isActive(changing.other),
        (await server.ask('/auth/me', { token: changing.tokens.access_token })).status,
      ],
      old_password: (await trySignIn(server, changing.email)).status,
      new_password: (await trySignIn(other, changing.email, { password: NEW_PASSWORD })).status,
    }
  }
})

const ENDED = {
  kept: true,
  revoked: false,
  left: [false, DEAD],
  changed: [false, ALIVE[0]],
  old_password: 401,
  new_password: 200,
}

const portOf = ({ url }: Readonly<{ url: string }>): number => Number(new URL(url).port)

/** The status, with what matters beside it. */
const seen = ({ status, headers, body }: Answer): string => {
  if (status === 503) return headers.has('Retry-After') ? AWAY : '503'
  if (body.code !== undefined) return `${status} ${body.code}`
  return body.active ? `${status} active` : String(status)
}
