import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CodeOutcome, Redemption } from '../../../src/domain/authorization/authorization-code.ts'
import {
  ageCode,
  authorizationStores,
  codeRow,
  endOf,
  LIVING,
  newCode,
  proofOf,
  redemptionOf,
  seedCode,
  seedSession,
} from '../../support/authorization/codes.ts'
import { backends, hasCitus, type OpenBackend } from '../../support/backends.ts'
import { type Database, untilWaitingForLock } from '../../support/database.ts'

const verdictsOf = (outcomes: readonly CodeOutcome[]) => outcomes.map(({ verdict }) => verdict)

describe.each(backends)('redemptions that arrive together, on $name', ({ name, open }) => {
  /** Where each redemption names its person in a statement of its own. */
  const isDistributed = hasCitus && name !== 'embedded'
  let backend: OpenBackend
  let database: Database
  beforeAll(async () => {
    backend = await open()
    database = backend.database
  })
  afterAll(() => backend.close())

  /** One store, whose redemptions of one turn of the event loop share a statement, and the count of statements that it has sent. */
  const createStore = () => {
    let statements = 0
    const run: Database['run'] = query => {
      statements++
      return database.run(query)
    }
    const { codes } = authorizationStores({ ...database, run })
    return { redeem: (given: Redemption) => codes.redeem(given), statements: () => statements }
  }
  const familiesOf = async (user_id: string) => {
    const rows = await database.sql<{ id: string }[]>`
      select id from refresh_families where user_id = ${user_id} order by id`
    return rows.map(({ id }) => id)
  }

  it('are one statement, and on Citus one each, in which each code has its own verdict, also codes of one person', async () => {
    const { redeem, statements } = createStore()
    const retry_proof = proofOf('one attempt')
    const ada = await seedSession(database)
    const [good, wrong, expired] = [newCode(ada), newCode(ada), newCode(ada)]
    const { codes } = authorizationStores(database)
    for (const code of [good, wrong, expired]) expect(await codes.issue(code)).toBe(true)
    await ageCode(database, expired, 65)
    const grace = await seedCode(database, { nonce: 'of grace', isRefreshable: false })
    const retried = await seedCode(database)
    const replayed = await seedCode(database)
    const retriedFirst = redemptionOf(retried.code, { retry_proof })
    const replayedFirst = redemptionOf(replayed.code)
    await Promise.all([redeem(retriedFirst), redeem(replayedFirst)])
    const [ofAda, ofGrace] = [redemptionOf(good), redemptionOf(grace.code)]
    const before = statements()
    const outcomes = await Promise.all([
      redeem(ofAda),
      redeem(redemptionOf(wrong, { code_challenge: 'another' })),
      redeem(redemptionOf(expired)),
      redeem(ofGrace),
      redeem(redemptionOf(retried.code, { retry_proof })),
      redeem(redemptionOf(replayed.code)),
    ])
    expect(statements() - before).toBe(isDistributed ? outcomes.length : 1)
    const refused = { user_id: ada.user_id, family_id: null }
    const bought = (id: string, user_id: string, more: object = {}) =>
      expect.objectContaining({
        family: expect.objectContaining({ id, user_id, roles: ['user'] }),
        person: expect.objectContaining({ id: user_id }),
        ...more,
      })
    expect(outcomes).toEqual([
      {
        verdict: 'redeemed',
        bought: bought(ofAda.family.id, ada.user_id, { nonce: 'n', isRefreshable: true }),
      },
      { verdict: 'wrong_verifier', ...refused },
      { verdict: 'expired', ...refused },
      {
        verdict: 'redeemed',
        bought: bought(ofGrace.family.id, grace.user_id, { nonce: 'of grace', isRefreshable: false }),
      },
      { verdict: 'repeated', bought: bought(retriedFirst.family.id, retried.user_id) },
      { verdict: 'replayed', user_id: replayed.user_id, family_id: replayedFirst.family.id },
    ])
    expect(await codeRow(database, good)).toMatchObject({ family_id: ofAda.family.id, failures: 0 })
    expect(await codeRow(database, wrong)).toMatchObject({ spent_at: null, failures: 1 })
    expect(await codeRow(database, expired)).toMatchObject({ spent_at: null, failures: 0 })
    expect(await familiesOf(ada.user_id)).toEqual([ofAda.family.id])
    expect(await familiesOf(grace.user_id)).toEqual([ofGrace.family.id])
    expect(await endOf(database, replayedFirst.family.id)).toEqual({
      reason: 'code_replayed',
      is_announced: true,
    })
    for (const { family } of [ofAda, ofGrace, retriedFirst])
      expect(await endOf(database, family.id)).toEqual(LIVING)
  })

  it('of one code are one redemption and its replay, and another person keeps their sign-in', async () => {
    const { redeem } = createStore()
    const [twice, other] = await Promise.all([seedCode(database), seedCode(database)])
    const ofOther = redemptionOf(other.code)
    const [first, bystander, second] = await Promise.all([
      redeem(redemptionOf(twice.code)),
      redeem(ofOther),
      redeem(redemptionOf(twice.code)),
    ])
    expect(verdictsOf([first, second]).toSorted()).toEqual(['redeemed', 'replayed'])
    expect(bystander.verdict).toBe('redeemed')
    const [family_id = '', ...others] = await familiesOf(twice.user_id)
    expect(others).toEqual([])
    expect(await endOf(database, family_id)).toEqual({ reason: 'code_replayed', is_announced: true })
    expect(await endOf(database, ofOther.family.id)).toEqual(LIVING)
  })

  it('of one code, one of them with a wrong verifier, end nothing', async () => {
    const { redeem } = createStore()
    const { code, user_id } = await seedCode(database)
    const outcomes = await Promise.all([
      redeem(redemptionOf(code, { code_challenge: 'another' })),
      redeem(redemptionOf(code)),
    ])
    expect(verdictsOf(outcomes)).toEqual(['wrong_verifier', 'redeemed'])
    const [family_id = ''] = await familiesOf(user_id)
    expect(await endOf(database, family_id)).toEqual(LIVING)
  })

  it('of an unknown code are refused, and the others are carried out', async () => {
    const { redeem } = createStore()
    const { code, user_id } = await seedCode(database)
    const outcomes = await Promise.all([
      redeem(redemptionOf({ ...code, digest: newCode(await seedSession(database)).digest })),
      redeem(redemptionOf(code)),
    ])
    expect(verdictsOf(outcomes)).toEqual(['unknown_code', 'redeemed'])
    expect(await familiesOf(user_id)).toHaveLength(1)
  })

  it('are carried out without the one that Postgres refuses', async () => {
    const { redeem } = createStore()
    const [bad, good] = await Promise.all([seedCode(database), seedCode(database)])
    const answers = await Promise.allSettled([
      redeem(redemptionOf(bad.code, { source: { ip: '127.0.0.1', user_agent: 'a\0b', request_id: 'r' } })),
      redeem(redemptionOf(good.code)),
    ])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    expect(await codeRow(database, bad.code)).toMatchObject({ spent_at: null, failures: 0 })
    expect(await familiesOf(good.user_id)).toHaveLength(1)
  })

  // The embedded database has one connection: no other transaction can hold a row there.
  describe.skipIf(name === 'embedded')('beside a transaction that holds a row of one of them', () => {
    /** What the redemption waits for, changed by a transaction that is rolled back: the verdict is that of the row as it was. */
    const ROWS = [
      [
        'account',
        (sql: Database['sql'], user_id: string) =>
          sql`update users set credential_epoch = 1 where id = ${user_id}`,
      ],
      [
        'code',
        (sql: Database['sql'], user_id: string) =>
          sql`delete from authorization_codes where user_id = ${user_id}`,
      ],
      [
        'consent',
        (sql: Database['sql'], user_id: string) =>
          sql`update consents set version = version + 1 where user_id = ${user_id}`,
      ],
      [
        'session',
        (sql: Database['sql'], user_id: string) =>
          sql`delete from browser_sessions where user_id = ${user_id}`,
      ],
    ] as const

    it.each(ROWS)('do not wait for the %s, except its own redemption', async (_, change) => {
      const { redeem } = createStore()
      const person = await seedSession(database)
      const { user_id } = person
      const { codes, consents } = authorizationStores(database)
      const consent = await consents.grant({
        credential_epoch: 0,
        user_id,
        client_id: 'app',
        granted: ['openid'],
      })
      const code = newCode(person, { consent_version: consent?.version ?? null })
      expect(await codes.issue(code)).toBe(true)
      const other = await seedCode(database)
      const holder = await database.sql.reserve()
      await holder`begin`
      await change(holder, user_id)
      const held = redeem(redemptionOf(code))
      expect((await redeem(redemptionOf(other.code))).verdict).toBe('redeemed')
      await untilWaitingForLock(database)
      expect(await familiesOf(user_id)).toEqual([])
      await holder`rollback`
      holder.release()
      expect((await held).verdict).toBe('redeemed')
      expect(await familiesOf(user_id)).toHaveLength(1)
    })

    it('do not wait for what a code bought, except its own replay', async () => {
      const { redeem } = createStore()
      const [spent, other] = await Promise.all([seedCode(database), seedCode(database)])
      const first = redemptionOf(spent.code)
      await redeem(first)
      const holder = await database.sql.reserve()
      await holder`begin`
      await holder`update refresh_families set token_digest = ${randomBytes(32)} where id = ${first.family.id}`
      const replay = redeem(redemptionOf(spent.code))
      expect((await redeem(redemptionOf(other.code))).verdict).toBe('redeemed')
      await untilWaitingForLock(database)
      expect(await endOf(database, first.family.id)).toEqual(LIVING)
      await holder`commit`
      holder.release()
      expect((await replay).verdict).toBe('replayed')
      expect((await endOf(database, first.family.id))?.reason).toBe('code_replayed')
    })
  })

  it.skipIf(isDistributed)(
    'are sent again alone where the shared statement came too late, without an effect on the others',
    async () => {
      const [good, late] = await Promise.all([seedCode(database), seedCode(database)])
      const [ofGood, ofLate] = [redemptionOf(good.code), redemptionOf(late.code, { client_id: 'another' })]
      let statements = 0
      const run = async <T>(query: Parameters<typeof database.run<T>>[0]): Promise<T> => {
        const rows = await database.run(query)
        if (statements++ === 0 && Array.isArray(rows))
          for (const row of rows) if (row.new_id === ofLate.family.id) row.verdict = 'late'
        return rows
      }
      const { codes } = authorizationStores({ ...database, run })
      expect(verdictsOf(await Promise.all([codes.redeem(ofGood), codes.redeem(ofLate)]))).toEqual([
        'redeemed',
        'wrong_client',
      ])
      expect(statements).toBe(2)
    },
  )
})
