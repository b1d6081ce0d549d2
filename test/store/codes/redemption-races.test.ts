import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CodeOutcome, CodeVerdict } from '../../../src/domain/authorization/authorization-code.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import {
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
import { createDatabaseWithSchema, hasPostgres } from '../../support/backends.ts'
import { countWaitingForLock, type Database, openDatabase } from '../../support/database.ts'
import { LIFETIMES } from '../../support/families.ts'

describe.skipIf(!hasPostgres)('redemptions of one code at once, over two pools', () => {
  let place: Awaited<ReturnType<typeof createDatabaseWithSchema>>
  let pools: [Database, Database]
  beforeAll(async () => {
    place = await createDatabaseWithSchema()
    const open = () => openDatabase({ url: place.url, pool_size: 10 })
    pools = [open(), open()]
  })
  afterAll(async () => {
    for (const pool of pools) await pool.close()
    await place.drop()
  })

  const storesAt = (index: number) => authorizationStores(pools[index % 2 === 0 ? 0 : 1])
  const fifty = <T>(make: (index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: 50 }, (_, index) => make(index)))
  const countOf = (outcomes: readonly CodeOutcome[]) => {
    const counts: Partial<Record<CodeVerdict, number>> = {}
    for (const { verdict } of outcomes) counts[verdict] = 1 + (counts[verdict] ?? 0)
    return counts
  }
  const boughtBy = (outcomes: readonly CodeOutcome[]) => [
    ...new Set(outcomes.flatMap(outcome => ('bought' in outcome ? [outcome.bought.family.id] : []))),
  ]
  /** Holds rows by a transaction of its own until `release`, and waits for the statements that wait for them. */
  const holding = async (hold: (sql: Database['sql']) => PromiseLike<unknown>) => {
    const holder = await pools[0].sql.reserve()
    await holder`begin`
    await hold(holder)
    return {
      waiting: (count: number) => expect.poll(() => countWaitingForLock(pools[0])).toBe(count),
      release: async (end: 'commit' | 'rollback') => {
        await (end === 'commit' ? holder`commit` : holder`rollback`)
        holder.release()
      },
    }
  }

  it('redeem it once, and one of the replays ends what it bought', async () => {
    const { code } = await seedCode(pools[0])
    const bystander = await seedCode(pools[0])
    const outcomes = await fifty(index => storesAt(index).codes.redeem(redemptionOf(code)))
    expect(countOf(outcomes)).toEqual({ redeemed: 1, replayed: 1, replayed_after_end: 48 })
    const [family_id = ''] = boughtBy(outcomes)
    expect(await endOf(pools[0], family_id)).toEqual({ reason: 'code_replayed', is_announced: true })
    expect(await pools[0].sql`select from refresh_families where user_id = ${code.user_id}`).toHaveLength(1)
    expect(await storesAt(1).codes.redeem(redemptionOf(bystander.code))).toMatchObject({
      verdict: 'redeemed',
    })
  })

  it('get one living family when they are retries of one another', async () => {
    const { code } = await seedCode(pools[0])
    const retry_proof = proofOf('one attempt')
    const outcomes = await fifty(index => storesAt(index).codes.redeem(redemptionOf(code, { retry_proof })))
    expect(countOf(outcomes)).toEqual({ redeemed: 1, repeated: 49 })
    const families = boughtBy(outcomes)
    expect(families).toHaveLength(1)
    expect(await endOf(pools[0], families[0] ?? '')).toEqual(LIVING)
    expect(await pools[0].sql`select from refresh_families where user_id = ${code.user_id}`).toHaveLength(1)
  })

  it('count each failure once, and buy nothing after ten of them', async () => {
    const { code } = await seedCode(pools[0])
    const outcomes = await fifty(index =>
      storesAt(index).codes.redeem(redemptionOf(code, { code_challenge: 'another' })),
    )
    expect(countOf(outcomes)).toEqual({ wrong_verifier: 50 })
    expect(await codeRow(pools[0], code)).toMatchObject({ failures: 10, spent_at: null })
  })

  it('see a replay that was waited for: what it ended is not repeated', async () => {
    const { code } = await seedCode(pools[0])
    const retry_proof = proofOf('one attempt')
    const [family] = boughtBy([await storesAt(0).codes.redeem(redemptionOf(code, { retry_proof }))])
    const held = await holding(
      sql =>
        sql`select from refresh_families where user_id = ${code.user_id} and id = ${family ?? ''} for no key update`,
    )
    // The replay has the row of the code by now, so that the repetition comes after it.
    const replayed = storesAt(1).codes.redeem(redemptionOf(code))
    await held.waiting(1)
    const repeated = storesAt(0).codes.redeem(redemptionOf(code, { retry_proof }))
    await held.waiting(2)
    await held.release('commit')
    expect((await replayed).verdict).toBe('replayed')
    expect((await repeated).verdict).toBe('replayed_after_end')
  })

  it('refuse what was withdrawn, signed out, changed or deleted while they waited', async () => {
    const person = await seedSession(pools[0])
    const { user_id } = person
    const consent = await storesAt(0).consents.grant({
      credential_epoch: 0,
      user_id,
      client_id: 'app',
      granted: ['openid'],
    })
    const code = newCode(person, { consent_version: consent?.version ?? null })
    expect(await storesAt(0).codes.issue(code)).toBe(true)
    const refusedAfter = async (change: (sql: Database['sql']) => PromiseLike<unknown>) => {
      const held = await holding(change)
      const outcome = storesAt(1).codes.redeem(redemptionOf(code))
      await held.waiting(1)
      await held.release('commit')
      return (await outcome).verdict
    }
    expect(
      await refusedAfter(sql => sql`update consents set version = version + 1 where user_id = ${user_id}`),
    ).toBe('consent_withdrawn')
    expect(await refusedAfter(sql => sql`delete from browser_sessions where user_id = ${user_id}`)).toBe(
      'session_ended',
    )
    expect(await refusedAfter(sql => sql`update users set credential_epoch = 1 where id = ${user_id}`)).toBe(
      'epoch_passed',
    )
    expect(await refusedAfter(sql => sql`update users set disabled_at = now() where id = ${user_id}`)).toBe(
      'account_disabled',
    )
    expect(await codeRow(pools[0], code)).toMatchObject({ spent_at: null, failures: 0 })
    expect(await refusedAfter(sql => sql`delete from users where id = ${user_id}`)).toBe('unknown_code')
  })

  it('go on when a change that they waited for was rolled back', async () => {
    const { code } = await seedCode(pools[0])
    const held = await holding(sql => sql`update users set credential_epoch = 1 where id = ${code.user_id}`)
    const outcome = storesAt(1).codes.redeem(redemptionOf(code))
    await held.waiting(1)
    await held.release('rollback')
    expect((await outcome).verdict).toBe('redeemed')
  })

  const ENDINGS = [
    ['a sign-out', (index: number, { presented }: Person) => storesAt(index).sessions.end(presented)],
    [
      'a withdrawal',
      (index: number, { user_id }: Person) =>
        storesAt(index).consents.withdraw({ user_id, client_id: 'app', reason: 'consent_withdrawn' }),
    ],
    [
      'a sign-out everywhere',
      (index: number, { user_id }: Person) =>
        createAccounts(pools[index % 2 === 0 ? 0 : 1], LIFETIMES).endEverySignIn(
          user_id,
          'signed_out_everywhere',
        ),
    ],
  ] as const
  type Person = Awaited<ReturnType<typeof seedSession>>

  it.each(ENDINGS)('leave nothing that lives beside %s', async (_, end) => {
    for (let round = 0; round < 10; round++) {
      const person = await seedSession(pools[0])
      const { user_id } = person
      const consent = await storesAt(0).consents.grant({
        credential_epoch: 0,
        user_id,
        client_id: 'app',
        granted: ['openid'],
      })
      const codes = Array.from({ length: 6 }, () =>
        newCode(person, { consent_version: consent?.version ?? null }),
      )
      for (const code of codes) expect(await storesAt(0).codes.issue(code)).toBe(true)
      const redeeming = codes.map((code, index) => storesAt(index).codes.redeem(redemptionOf(code)))
      const [outcomes, ended] = await Promise.all([Promise.all(redeeming), end(round, person)])
      expect(ended).toHaveLength(outcomes.filter(({ verdict }) => verdict === 'redeemed').length)
      expect(
        await pools[0].sql`select from refresh_families where user_id = ${user_id} and revoked_at is null`,
      ).toHaveLength(0)
    }
  })

  it('and a deletion of the account wait for each other without a deadlock', async () => {
    for (let round = 0; round < 10; round++) {
      const person = await seedCode(pools[0])
      const [outcomes] = await Promise.all([
        Promise.all([0, 1, 2].map(index => storesAt(index).codes.redeem(redemptionOf(person.code)))),
        pools[1].sql`delete from users where id = ${person.user_id}`,
      ])
      for (const { verdict } of outcomes)
        expect(['redeemed', 'replayed', 'replayed_after_end', 'unknown_code']).toContain(verdict)
      expect(await pools[0].sql`select from refresh_families where user_id = ${person.user_id}`).toHaveLength(
        0,
      )
    }
  })
})
