import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NewBrowserSession, PresentedSession } from '../../../src/domain/sign-in/browser-session.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { createBrowserSessions } from '../../../src/store/sessions/browser-sessions.ts'
import {
  authorizationStores,
  endOf,
  LIVING,
  newCode,
  newSession,
  redemptionOf,
  SESSION_LIFETIMES,
  seedSession,
} from '../../support/authorization/codes.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import { createUser, LIFETIMES } from '../../support/families.ts'

const { idle_seconds, max_seconds } = SESSION_LIFETIMES
/** A second on either side of a boundary: the statements' own time is far less. */
const MARGIN_SECONDS = 5

describe.each(backends)('browser sessions, on $name', ({ open }) => {
  let backend: OpenBackend
  let stores: ReturnType<typeof authorizationStores>
  beforeAll(async () => {
    backend = await open()
    stores = authorizationStores(backend.database)
  })
  afterAll(() => backend.close())

  const seed = (person?: string) => seedSession(backend.database, person)
  const opening = (user_id: string, more: Partial<NewBrowserSession> = {}): NewBrowserSession => ({
    ...newSession(user_id),
    id: uuidv7(),
    credential_epoch: 0,
    amr: ['pwd'],
    replaces: null,
    source: { ip: '127.0.0.1', user_agent: 'test' },
    ...more,
  })
  const presentedOf = ({ user_id, digest }: NewBrowserSession): PresentedSession => ({ user_id, digest })
  const rowsOf = (user_id: string) =>
    backend.database.sql<{ id: string; idle_left: number; left: number }[]>`
      select
        id, round(extract(epoch from idle_expires_at - now()))::int as idle_left,
        round(extract(epoch from expires_at - now()))::int as left
      from browser_sessions
      where user_id = ${user_id}`
  const change = (user_id: string, text: string) => {
    const { sql } = backend.database
    return sql`update browser_sessions set ${sql.unsafe(text)} where user_id = ${user_id}`
  }

  describe('opening one', () => {
    it('gives the account and the factors, and lasts as configured', async () => {
      const user_id = await createUser({ database: backend.database, pepper: '' })
      const session = opening(user_id)
      expect(await stores.sessions.open(session)).toMatchObject({
        id: session.id,
        account: { id: user_id, roles: ['user'], credential_epoch: 0 },
        amr: ['pwd'],
        ended: [],
      })
      expect(await rowsOf(user_id)).toEqual([{ id: session.id, idle_left: idle_seconds, left: max_seconds }])
    })

    it('is refused for a disabled account, another epoch and an account that is not there', async () => {
      const { sql } = backend.database
      const user_id = await createUser({ database: backend.database, pepper: '' })
      expect(await stores.sessions.open(opening(user_id, { credential_epoch: 1 }))).toBeNull()
      expect(await stores.sessions.open(opening(uuidv7()))).toBeNull()
      await sql`update users set disabled_at = now() where id = ${user_id}`
      expect(await stores.sessions.open(opening(user_id))).toBeNull()
      expect(await rowsOf(user_id)).toHaveLength(0)
    })

    it('goes on with the same person’s under a new secret, with a new auth_time and all of its time', async () => {
      const { user_id, presented, session } = await seed()
      const bystander = await seed(user_id)
      await change(user_id, `auth_time = '2026-01-01Z', idle_expires_at = now() + interval '1 minute'`)
      const next = opening(user_id, { replaces: presented, amr: ['pwd', 'otp'] })
      const opened = await stores.sessions.open(next)
      expect(opened).toMatchObject({ id: session.id, amr: ['pwd', 'otp'], ended: [] })
      expect(opened?.auth_time.getTime()).toBeGreaterThan(session.auth_time.getTime() - 1)
      expect(await stores.sessions.find(presented)).toBeNull()
      expect(await stores.sessions.find(presentedOf(next))).toMatchObject({ id: session.id })
      expect(await rowsOf(user_id)).toContainEqual({
        id: session.id,
        idle_left: idle_seconds,
        left: max_seconds,
      })
      expect(await stores.sessions.find(bystander.presented)).toMatchObject({ id: bystander.session.id })
    })

    it.each(['idle_expires_at = now()', 'expires_at = now()', 'credential_epoch = -1'])(
      'is a new session where the one before is dead: %s',
      async dead => {
        const { user_id, presented, session } = await seed()
        await change(user_id, dead)
        const next = opening(user_id, { replaces: presented })
        expect(await stores.sessions.open(next)).toMatchObject({ id: next.id })
        expect(next.id).not.toBe(session.id)
        expect(await stores.sessions.find(presented)).toBeNull()
      },
    )

    it('ends the session of another person with its sign-ins, and no other', async () => {
      const [person, other] = [await seed(), await seed()]
      const elsewhere = await seed(person.user_id)
      const family_id = await signInFrom(person)
      const user_id = await createUser({ database: backend.database, pepper: '' })
      const opened = await stores.sessions.open(opening(user_id, { replaces: person.presented }))
      expect(opened).toMatchObject({ ended: [family_id] })
      expect(await stores.sessions.find(person.presented)).toBeNull()
      for (const { presented } of [other, elsewhere])
        expect(await stores.sessions.find(presented)).not.toBeNull()
    })

    it('leaves the session of another person where it is refused', async () => {
      const person = await seed()
      expect(await stores.sessions.open(opening(uuidv7(), { replaces: person.presented }))).toBeNull()
      expect(await stores.sessions.find(person.presented)).not.toBeNull()
    })

    it('twice at once in one browser gives two sessions that live', async () => {
      const { user_id, presented } = await seed()
      const both = [0, 1].map(() => opening(user_id, { replaces: presented }))
      await Promise.all(both.map(session => stores.sessions.open(session)))
      for (const session of both) expect(await stores.sessions.find(presentedOf(session))).not.toBeNull()
      expect(await stores.sessions.find(presented)).toBeNull()
    })
  })

  describe('finding one', () => {
    it.each([
      ['idle_expires_at', -MARGIN_SECONDS, false],
      ['idle_expires_at', MARGIN_SECONDS, true],
      ['expires_at', -MARGIN_SECONDS, false],
      ['expires_at', MARGIN_SECONDS, true],
    ])('%s in %i seconds: %s', async (column, seconds, isFound) => {
      const { user_id, presented } = await seed()
      await change(user_id, `${column} = now() + make_interval(secs => ${seconds})`)
      expect((await stores.sessions.find(presented)) !== null).toBe(isFound)
    })

    it('takes its secret and its person', async () => {
      const [one, other] = [await seed(), await seed()]
      expect(await stores.sessions.find({ user_id: other.user_id, digest: one.presented.digest })).toBeNull()
      expect(await stores.sessions.find(newSession(one.user_id))).toBeNull()
      expect(await stores.sessions.find(one.presented)).toMatchObject({
        id: one.session.id,
        account: { id: one.user_id },
        amr: ['pwd', 'otp'],
        auth_time: one.session.auth_time,
      })
    })

    it('tells with it what the person has granted to the client, and to no other', async () => {
      const [one, other] = [await seed(), await seed()]
      const at = (client_id: string) => stores.sessions.findAtClient({ ...one.presented, client_id })
      await stores.consents.grant({
        credential_epoch: 0,
        user_id: one.user_id,
        client_id: 'app',
        granted: ['openid'],
      })
      await stores.consents.grant({
        credential_epoch: 0,
        user_id: other.user_id,
        client_id: 'other',
        granted: ['email'],
      })
      const session = await stores.sessions.find(one.presented)
      expect(await at('app')).toEqual({
        session,
        consent: {
          version: 0,
          granted: ['openid'],
          declined: [],
          document_digest: null,
          document_parts: null,
        },
      })
      expect(await at('other')).toEqual({ session, consent: null })
      expect(await stores.sessions.findAtClient({ ...newSession(one.user_id), client_id: 'app' })).toBeNull()
      await change(one.user_id, 'expires_at = now()')
      expect(await at('app')).toBeNull()
    })

    it('moves the idle expiry once a minute at most, and never past the absolute one', async () => {
      const { user_id, presented } = await seed()
      await change(user_id, `idle_expires_at = now() + make_interval(secs => ${idle_seconds - 50})`)
      await stores.sessions.find(presented)
      expect(await rowsOf(user_id)).toMatchObject([{ idle_left: idle_seconds - 50 }])
      await change(user_id, `idle_expires_at = now() + make_interval(secs => ${idle_seconds - 65})`)
      await stores.sessions.find(presented)
      expect(await rowsOf(user_id)).toMatchObject([{ idle_left: idle_seconds }])
      await change(
        user_id,
        `idle_expires_at = now() + interval '5 minutes', expires_at = now() + interval '20 minutes'`,
      )
      await stores.sessions.find(presented)
      expect(await rowsOf(user_id)).toMatchObject([{ idle_left: 1200, left: 1200 }])
    })

    it('moves a short one in time', async () => {
      const { user_id, presented } = await seed()
      const short = createBrowserSessions(backend.database, {
        session: { idle_seconds: 40, max_seconds },
        access_token_seconds: 900,
      })
      await change(user_id, `idle_expires_at = now() + interval '15 seconds'`)
      expect(await short.find(presented)).not.toBeNull()
      expect(await rowsOf(user_id)).toMatchObject([{ idle_left: 40 }])
    })

    it('does not find it after a sign-out everywhere, on a disabled and of a deleted account', async () => {
      const { sql } = backend.database
      const people = [await seed(), await seed(), await seed()] as const
      const bystander = await seed()
      const [everywhere, disabled, deleted] = people
      await createAccounts(backend.database, LIFETIMES).endEverySignIn(
        everywhere.user_id,
        'signed_out_everywhere',
      )
      await sql`update users set disabled_at = now() where id = ${disabled.user_id}`
      await sql`delete from users where id = ${deleted.user_id}`
      for (const { presented } of people) expect(await stores.sessions.find(presented)).toBeNull()
      expect(await stores.sessions.find(bystander.presented)).not.toBeNull()
    })
  })

  /** A sign-in at a client, opened from the session. */
  const signInFrom = async (
    person: Parameters<typeof newCode>[0],
    scope = 'openid read',
    client_id = 'app',
  ) => {
    const code = newCode(person, { scope, client_id })
    await stores.codes.issue(code)
    const redemption = redemptionOf(code, { client_id })
    expect(await stores.codes.redeem(redemption)).toMatchObject({ verdict: 'redeemed' })
    return redemption.family.id
  }

  describe('ending a device', () => {
    const familyOf = async (id: string) => (await endOf(backend.database, id))?.reason ?? 'living'

    it('ends a sign-in with the session of another browser and what that session would end, and no more', async () => {
      const [here, stranger] = [await seed(), await seed()]
      const away = await seed(here.user_id)
      const [named, beside, offline, plain] = [
        await signInFrom(away, 'openid offline_access'),
        await signInFrom(away, 'openid', 'other'),
        await signInFrom(away, 'openid offline_access', 'third'),
        await signInFrom(here),
      ]
      const device = { user_id: here.user_id, id: named, keep_session: here.session.id }
      expect(await stores.sessions.endDevice({ ...device, user_id: stranger.user_id })).toEqual([])
      expect(await stores.sessions.find(away.presented)).not.toBeNull()
      const both = await Promise.all([0, 1].map(() => stores.sessions.endDevice(device)))
      expect(both.flat().toSorted()).toEqual([named, beside].toSorted())
      expect(await Promise.all([named, beside, offline, plain].map(familyOf))).toEqual([
        'signed_out',
        'signed_out',
        'living',
        'living',
      ])
      expect(await stores.sessions.find(away.presented)).toBeNull()
      expect(await stores.sessions.find(here.presented)).not.toBeNull()
    })

    it('of a sign-in of the browser that looks ends what its application opened there, and keeps the session', async () => {
      const here = await seed()
      const [one, again, other] = [
        await signInFrom(here),
        await signInFrom(here),
        await signInFrom(here, 'openid', 'other'),
      ]
      const device = { user_id: here.user_id, id: one, keep_session: here.session.id }
      expect((await stores.sessions.endDevice(device)).toSorted()).toEqual([one, again].toSorted())
      expect(await familyOf(other)).toBe('living')
      expect(await stores.sessions.find(here.presented)).not.toBeNull()
    })

    it('lists a session while it lives and no sign-in of it does', async () => {
      const { user_id, session } = await seed()
      const away = await seed(user_id)
      const family_id = await signInFrom(away)
      const list = async () => (await stores.sessions.listWithoutSignIn(user_id)).map(({ id }) => id)
      expect(await list()).toEqual([session.id])
      await stores.families.end({ family_id, user_id, salt: null, client_id: null, reason: 'signed_out' })
      expect((await list()).toSorted()).toEqual([session.id, away.session.id].toSorted())
      const device = { user_id, keep_session: session.id }
      expect(await stores.sessions.endDevice({ ...device, id: away.session.id })).toEqual([])
      expect(await stores.sessions.endDevice({ ...device, id: session.id })).toEqual([])
      expect(await list()).toEqual([session.id])
      await change(user_id, 'idle_expires_at = now()')
      expect(await list()).toEqual([])
    })
  })

  describe('ending one', () => {
    it('ends the sign-ins with openid and without offline_access that were opened from it, and no others', async () => {
      const person = await seed()
      const elsewhere = await seed(person.user_id)
      const ended = [await signInFrom(person), await signInFrom(person, 'openid')]
      const living = [
        await signInFrom(person, 'read'),
        await signInFrom(person, 'openid offline_access'),
        await signInFrom(elsewhere),
      ]
      expect((await stores.sessions.end(person.presented))?.toSorted()).toEqual(ended.toSorted())
      for (const id of ended)
        expect(await endOf(backend.database, id)).toEqual({ reason: 'signed_out', is_announced: true })
      for (const id of living) expect(await endOf(backend.database, id)).toEqual(LIVING)
      expect(await stores.sessions.find(person.presented)).toBeNull()
      expect(await stores.sessions.find(elsewhere.presented)).not.toBeNull()
    })

    it('is done once', async () => {
      const { presented } = await seed()
      const ends = await Promise.all([0, 1, 2].map(() => stores.sessions.end(presented)))
      expect(ends.filter(ended => ended !== null)).toEqual([[]])
      expect(await stores.sessions.end(presented)).toBeNull()
      expect(await stores.sessions.end(newSession(uuidv7()))).toBeNull()
    })

    it('of very many sign-ins goes on until none is left', async () => {
      const { sql } = backend.database
      const person = await seed()
      const family_id = await signInFrom(person)
      await sql`
        insert into refresh_families (
          id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
          idle_expires_at, expires_at, session_id
        )
        select
          gen_random_uuid(), user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id,
          token_digest, idle_expires_at, expires_at, session_id
        from refresh_families, generate_series(1, 2000)
        where id = ${family_id}`
      expect(await stores.sessions.end(person.presented)).toHaveLength(2001)
      expect(await rowsOf(person.user_id)).toHaveLength(0)
    })
  })
})
