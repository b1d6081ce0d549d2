import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CodeOutcome, Redemption } from '../../../src/domain/authorization/authorization-code.ts'
import { Unavailable } from '../../../src/domain/base/unavailable.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import {
  ageCode,
  authorizationStores,
  codeRow,
  endOf,
  LIVING,
  newCode,
  newSession,
  proofOf,
  redemptionOf,
  seedCode,
  seedSession,
} from '../../support/authorization/codes.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import { API, OTHER_API } from '../../support/clients.ts'
import { callerOf } from '../../support/database.ts'
import { LIFETIMES } from '../../support/families.ts'

/** A second on either side of a boundary: the statements' own time is far less. */
const MARGIN_SECONDS = 5

const familyOf = (outcome: CodeOutcome) => {
  if (!('bought' in outcome)) throw new Error(`the code bought nothing: ${outcome.verdict}`)
  return outcome.bought.family
}

describe.each(backends)('RFC 6749 §4.1.3: the redemption of a code, on $name', ({ open }) => {
  let backend: OpenBackend
  let stores: ReturnType<typeof authorizationStores>
  beforeAll(async () => {
    backend = await open()
    stores = authorizationStores(backend.database)
  })
  afterAll(() => backend.close())

  const seed = (more: Parameters<typeof seedCode>[1] = {}) => seedCode(backend.database, more)
  const age = (code: Parameters<typeof ageCode>[1], seconds: number) =>
    ageCode(backend.database, code, seconds)
  const redeem = (code: Parameters<typeof redemptionOf>[0], more: Partial<Redemption> = {}) =>
    stores.codes.redeem(redemptionOf(code, more))
  const familiesOf = (user_id: string) =>
    backend.database.sql`select id from refresh_families where user_id = ${user_id}`

  describe('with all that is right', () => {
    it('opens a family of the session, and returns the claims of the person', async () => {
      const { sql } = backend.database
      const { code, session, user_id } = await seed()
      await sql`update browser_sessions set auth_time = now() where user_id = ${user_id}`
      await sql`update users set name = 'Ada', locale = 'de-CH', profile_updated_at = '2026-02-03Z' where id = ${user_id}`
      const redemption = redemptionOf(code)
      const outcome = await stores.codes.redeem(redemption)
      expect(outcome).toMatchObject({
        verdict: 'redeemed',
        bought: {
          nonce: 'n',
          isRefreshable: true,
          person: {
            id: user_id,
            email: `${user_id}@example.com`,
            name: 'Ada',
            given_name: null,
            locale: 'de-CH',
            updated_at: new Date('2026-02-03Z'),
          },
          family: {
            id: redemption.family.id,
            user_id,
            client_id: 'app',
            scope: 'openid read',
            audience: [API, OTHER_API],
            roles: ['user'],
            // Of the session when the code was issued, not as it is now.
            auth_time: session.auth_time,
            amr: ['pwd', 'otp'],
            generation: 0,
          },
        },
      })
      const [row] =
        await sql`select session_id, last_user_agent from refresh_families where id = ${redemption.family.id}`
      expect(row).toEqual({ session_id: session.id, last_user_agent: 'test' })
      expect(
        await stores.families.findCurrent({
          family_id: redemption.family.id,
          user_id: redemption.user_id,
          digest: redemption.family.token_digest,
        }),
      ).not.toBeNull()
    })

    it('lives as long as a sign-in with a refresh token, and as long as its access token without one', async () => {
      const secondsOf = async (isRefreshable: boolean) => {
        const { expires_at, idle_expires_at, at } = familyOf(
          await redeem((await seed({ isRefreshable })).code),
        )
        return [expires_at, idle_expires_at].map(end => Math.round((end.getTime() - at.getTime()) / 1000))
      }
      expect(await secondsOf(true)).toEqual([LIFETIMES.max_seconds, LIFETIMES.idle_seconds])
      expect(await secondsOf(false)).toEqual([LIFETIMES.access_token_seconds, LIFETIMES.access_token_seconds])
    })

    it('counts from the next second at a client whose tokens were just ended', async () => {
      const { code } = await seed({ client_id: 'ended' })
      await backend.database.sql`
        insert into revocations (kind, value, issued_until, expires_at)
        values ('client_id', 'ended', now() + interval '5 seconds', now() + interval '1 hour')`
      const { at } = familyOf(await redeem(code, { client_id: 'ended' }))
      expect(at.getTime()).toBeGreaterThan(Date.now() + 4000)
    })

    it('takes a code without redirect_uri or challenge when neither is sent', async () => {
      const { code } = await seed({ redirect_uri: null, code_challenge: null })
      expect(await redeem(code, { redirect_uri: null, code_challenge: null })).toMatchObject({
        verdict: 'redeemed',
      })
    })

    it('takes fewer resources than were granted', async () => {
      expect(await redeem((await seed()).code, { resources: [OTHER_API] })).toMatchObject({
        verdict: 'redeemed',
      })
    })

    it.each([
      ['just before', -MARGIN_SECONDS, 'redeemed'],
      ['just after', MARGIN_SECONDS, 'expired'],
    ])('%s the minute is over: %i seconds: %s', async (_, seconds, verdict) => {
      const { code } = await seed()
      await age(code, 60 + seconds)
      expect(await redeem(code)).toMatchObject({ verdict })
    })
  })

  describe('with something wrong', () => {
    const WRONG = [
      ['wrong_client', {}, { client_id: 'other' }],
      ['wrong_redirect_uri', {}, { redirect_uri: 'https://app.example/cb2' }],
      ['wrong_redirect_uri', {}, { redirect_uri: null }],
      ['wrong_redirect_uri', { redirect_uri: null }, {}],
      ['wrong_verifier', {}, { code_challenge: 'another' }],
      ['wrong_verifier', {}, { code_challenge: null }],
      // RFC 9700 §4.8.2: a verifier for a code that was asked for without a challenge.
      ['wrong_verifier', { code_challenge: null }, {}],
      ['resource_exceeded', {}, { resources: [API, 'https://elsewhere.example'] }],
    ] as const

    it.each(WRONG)('is %s for %o presented with %o, and is counted', async (verdict, bindings, more) => {
      const { code } = await seed(bindings)
      expect(await redeem(code, more)).toEqual({ verdict, user_id: code.user_id, family_id: null })
      expect(await codeRow(backend.database, code)).toEqual({ failures: 1, spent_at: null, family_id: null })
      expect(await familiesOf(code.user_id)).toHaveLength(0)
      const right = { redirect_uri: code.redirect_uri, code_challenge: code.code_challenge }
      expect(await redeem(code, right)).toMatchObject({ verdict: 'redeemed' })
    })

    it.each([
      [9, 'redeemed'],
      [10, 'spent_by_failures'],
    ])('%i times, and then right: %s', async (times, verdict) => {
      const { code } = await seed()
      for (let time = 0; time < times; time++)
        expect(await redeem(code, { code_challenge: 'another' })).toMatchObject({ verdict: 'wrong_verifier' })
      expect(await redeem(code)).toMatchObject({ verdict })
    })

    it('counts nothing more after the tenth time', async () => {
      const { code } = await seed()
      for (let time = 0; time < 12; time++) await redeem(code, { client_id: 'other' })
      expect(await codeRow(backend.database, code)).toMatchObject({ failures: 10 })
    })

    it.each(WRONG)(
      'is %s for %o presented with %o, and ends nothing that a spent code has bought',
      async (verdict, bindings, more) => {
        const { code } = await seed(bindings)
        const right = { redirect_uri: code.redirect_uri, code_challenge: code.code_challenge }
        const { id } = familyOf(await redeem(code, right))
        const before = await codeRow(backend.database, code)
        expect(await redeem(code, more)).toMatchObject({ verdict, family_id: id })
        expect(await endOf(backend.database, id)).toEqual(LIVING)
        expect(await codeRow(backend.database, code)).toEqual(before)
      },
    )

    it('counts nothing against a code that has expired', async () => {
      const { code } = await seed()
      await age(code, 60 + MARGIN_SECONDS)
      expect(await redeem(code, { client_id: 'other' })).toMatchObject({ verdict: 'wrong_client' })
      expect(await codeRow(backend.database, code)).toMatchObject({ failures: 0 })
    })

    it('is unknown under another person or another digest, and touches no code of either', async () => {
      const [one, other] = [await seed(), await seed()]
      const outcome = { verdict: 'unknown_code', family_id: null }
      expect(await redeem({ user_id: other.user_id, digest: one.code.digest })).toMatchObject(outcome)
      expect(await redeem({ user_id: one.user_id, digest: newCode(one).digest })).toMatchObject(outcome)
      for (const { code } of [one, other]) expect(await redeem(code)).toMatchObject({ verdict: 'redeemed' })
    })
  })

  describe('a second time', () => {
    it('ends what the code bought, and nothing else of the person', async () => {
      const first = await seed()
      const second = newCode(first)
      await stores.codes.issue(second)
      const [bought, bystander] = [familyOf(await redeem(first.code)), familyOf(await redeem(second))]
      expect(await redeem(first.code)).toEqual({
        verdict: 'replayed',
        user_id: first.user_id,
        family_id: bought.id,
      })
      expect(await endOf(backend.database, bought.id)).toEqual({
        reason: 'code_replayed',
        is_announced: true,
      })
      expect(await endOf(backend.database, bystander.id)).toEqual(LIVING)
      expect(await familiesOf(first.user_id)).toHaveLength(2)
      expect(await redeem(first.code)).toMatchObject({ verdict: 'replayed_after_end', family_id: bought.id })
    })

    it('leaves the reason of a family that was ended already', async () => {
      const { code } = await seed()
      const { id } = familyOf(await redeem(code))
      const ending = { salt: null, client_id: null, reason: 'signed_out' } as const
      await stores.families.end({ ...ending, family_id: id, user_id: null })
      expect(await redeem(code)).toMatchObject({ verdict: 'replayed_after_end' })
      expect(await endOf(backend.database, id)).toMatchObject({ reason: 'signed_out' })
    })

    it('stays denied when the family is gone', async () => {
      const { code } = await seed()
      const { id } = familyOf(await redeem(code))
      await backend.database.sql`delete from refresh_families where id = ${id}`
      expect(await redeem(code)).toMatchObject({ verdict: 'replayed_after_end', family_id: id })
      expect(await familiesOf(code.user_id)).toHaveLength(0)
    })

    it.each([
      ['just before', -MARGIN_SECONDS, 'replayed', 'code_replayed'],
      ['just after', MARGIN_SECONDS, 'expired', null],
    ])('%s the ten minutes of a spent code are over: %i seconds: %s', async (_, seconds, verdict, reason) => {
      const { code } = await seed()
      const { id } = familyOf(await redeem(code))
      await age(code, 660 + seconds)
      expect(await redeem(code)).toMatchObject({ verdict })
      expect(await endOf(backend.database, id)).toMatchObject({ reason })
    })

    it('is the same family again for the same Idempotency-Key', async () => {
      const { code } = await seed()
      const retry_proof = proofOf('one')
      const first = await redeem(code, { retry_proof })
      const again = await redeem(code, { retry_proof })
      expect(again).toMatchObject({ verdict: 'repeated', bought: { nonce: 'n' } })
      const { at: _, ...bought } = familyOf(first)
      expect(familyOf(again)).toMatchObject(bought)
      expect(await endOf(backend.database, bought.id)).toEqual(LIVING)
    })

    const once = proofOf('one')
    const notRepeated: readonly (readonly [string, Redemption['retry_proof'], Redemption['retry_proof']])[] =
      [
        ['another Idempotency-Key', once, proofOf('two')],
        ['none', once, null],
        ['one where the first had none', null, once],
        ['none where the first had none', null, null],
      ]
    it.each(notRepeated)('ends the family for %s', async (_, first, second) => {
      const { code } = await seed()
      const { id } = familyOf(await redeem(code, { retry_proof: first }))
      expect(await redeem(code, { retry_proof: second })).toMatchObject({ verdict: 'replayed' })
      expect(await endOf(backend.database, id)).toMatchObject({ reason: 'code_replayed' })
    })

    it.each([
      ['just before', -MARGIN_SECONDS, 'repeated'],
      ['just after', MARGIN_SECONDS, 'replayed'],
    ])('with the same Idempotency-Key %s the minute is over: %i seconds: %s', async (_, seconds, verdict) => {
      const { code } = await seed()
      await redeem(code, { retry_proof: once })
      await age(code, 60 + seconds)
      expect(await redeem(code, { retry_proof: once })).toMatchObject({ verdict })
    })

    it.each([
      ['refreshed', 'generation = 1', 'replayed'],
      ['ended', 'revoked_at = now()', 'replayed_after_end'],
      ['idle', 'idle_expires_at = now()', 'replayed'],
      ['expired', 'expires_at = now()', 'replayed'],
      ['of an epoch that has passed', 'credential_epoch = -1', 'replayed'],
    ])('is no repetition when the family was %s meanwhile', async (_, change, verdict) => {
      const { sql } = backend.database
      const { code } = await seed()
      const { id } = familyOf(await redeem(code, { retry_proof: once }))
      await sql`update refresh_families set ${sql.unsafe(change)} where id = ${id}`
      expect(await redeem(code, { retry_proof: once })).toMatchObject({ verdict })
    })
  })

  describe('of a person to whom something happened since the code was issued', () => {
    const CHANGES: readonly (readonly [string, string, (user_id: string) => PromiseLike<unknown>])[] = [
      [
        'a sign-out everywhere',
        'epoch_passed',
        user_id =>
          createAccounts(backend.database, LIFETIMES).endEverySignIn(user_id, 'signed_out_everywhere'),
      ],
      [
        'a disabled account',
        'account_disabled',
        user_id => backend.database.sql`update users set disabled_at = now() where id = ${user_id}`,
      ],
      [
        'a session that is gone',
        'session_ended',
        user_id => backend.database.sql`delete from browser_sessions where user_id = ${user_id}`,
      ],
      [
        'a withdrawn consent',
        'consent_withdrawn',
        user_id => stores.consents.withdraw({ user_id, client_id: 'app', reason: 'consent_withdrawn' }),
      ],
      [
        'a consent that is gone',
        'consent_withdrawn',
        user_id => backend.database.sql`delete from consents where user_id = ${user_id}`,
      ],
      [
        'a deleted account',
        'unknown_code',
        user_id => backend.database.sql`delete from users where id = ${user_id}`,
      ],
    ]
    it.each(CHANGES)('%s: %s', async (_, verdict, change) => {
      const person = await seedSession(backend.database)
      const { user_id } = person
      const consent = await stores.consents.grant({
        credential_epoch: 0,
        user_id,
        client_id: 'app',
        granted: ['openid'],
      })
      const code = newCode(person, { consent_version: consent?.version ?? null })
      expect(await stores.codes.issue(code)).toBe(true)
      const bystander = await seed()
      await change(user_id)
      expect(await redeem(code)).toEqual({ verdict, user_id, family_id: null })
      expect(await familiesOf(user_id)).toHaveLength(0)
      expect(await redeem(bystander.code)).toMatchObject({ verdict: 'redeemed' })
    })

    it('a withdrawal at another client, a new sign-in in the same browser and an idle session change nothing', async () => {
      const person = await seedSession(backend.database)
      const { user_id, presented } = person
      for (const client_id of ['app', 'other'])
        await stores.consents.grant({ credential_epoch: 0, user_id, client_id, granted: ['openid'] })
      const code = newCode(person, { consent_version: 0 })
      await stores.codes.issue(code)
      await stores.consents.withdraw({ user_id, client_id: 'other', reason: 'consent_withdrawn' })
      await stores.sessions.open({
        ...newSession(user_id),
        id: user_id,
        credential_epoch: 0,
        amr: ['pwd'],
        replaces: presented,
        source: { ip: '127.0.0.1', user_agent: null },
      })
      await backend.database
        .sql`update browser_sessions set idle_expires_at = now() where user_id = ${user_id}`
      expect(await redeem(code)).toMatchObject({ verdict: 'redeemed' })
    })
  })

  it('is not judged when the caller was told already to try again', async () => {
    const { code } = await seed()
    const { run } = backend.database
    const late = authorizationStores({
      ...backend.database,
      run: query => run(sql => query(sql, callerOf(sql, -1))),
    })
    await expect(late.codes.redeem(redemptionOf(code))).rejects.toBeInstanceOf(Unavailable)
    expect(await redeem(code)).toMatchObject({ verdict: 'redeemed' })
  })
})
