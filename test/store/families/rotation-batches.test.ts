import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../../src/domain/base/digest.ts'
import { Unavailable } from '../../../src/domain/base/unavailable.ts'
import type { Presentation } from '../../../src/domain/sign-in/refresh-family.ts'
import { retryProofOf } from '../../../src/domain/sign-in/refresh-token.ts'
import { createJudge } from '../../../src/store/families/judge-families.ts'
import { createRefreshFamilies } from '../../../src/store/families/refresh-families.ts'
import {
  backends,
  createDatabaseWithSchema,
  hasCitus,
  hasPostgres,
  type OpenBackend,
} from '../../support/backends.ts'
import { API } from '../../support/clients.ts'
import { callerOf, type Database, openDatabase } from '../../support/database.ts'
import { LIFETIMES, presentation, rowOf, seedFamily } from '../../support/families.ts'

describe.each(backends)('concurrent rotations, on $name', ({ name, open }) => {
  const pepper = randomBytes(32).toString('base64url')
  let backend: OpenBackend
  let ground: { database: Database; pepper: string }
  beforeAll(async () => {
    backend = await open()
    ground = { database: backend.database, pepper }
  })
  afterAll(() => backend.close())

  /** The store, and the count of statements that it has sent. */
  const createStore = () => {
    let statements = 0
    const run: Database['run'] = query => {
      statements++
      return backend.database.run(query)
    }
    const families = createRefreshFamilies({ ...backend.database, run }, LIFETIMES)
    return {
      rotate: (token: Presentation) => families.rotate(token),
      statements: () => statements,
    }
  }
  const seed = () => seedFamily(ground)

  it('are one statement with a verdict for each token, and one more for each token that ends its family', async () => {
    const { rotate, statements } = createStore()
    const retry_proof = retryProofOf({
      idempotency_key: 'attempt 1',
      client_id: 'app',
      scope: null,
      resources: [],
    })
    const plain = await seed()
    const retried = await seed()
    const reused = await seed()
    const forged = await seed()
    const foreign = await seed()
    const narrowed = await seed()
    const elsewhere = await seed()
    const revoked = await seed()
    await Promise.all([
      rotate(presentation(retried, 0, { retry_proof })),
      rotate(presentation(reused, 0)),
      ground.database.sql`update refresh_families set revoked_at = now() where id = ${revoked.id}`,
    ])
    const before = statements()
    const rotations = await Promise.all([
      rotate(presentation(plain, 0)),
      rotate(presentation(retried, 0, { retry_proof })),
      rotate(presentation(reused, 0)),
      rotate(presentation(forged, 5)),
      rotate(presentation(foreign, 0, { client_id: 'another' })),
      rotate(presentation(narrowed, 0, { scope: ['read', 'admin'] })),
      rotate(presentation(elsewhere, 0, { resources: [API, 'https://elsewhere.example'] })),
      rotate(presentation(revoked, 0)),
    ])
    // On Citus each token has statements of its own: one that looks up its person, the plain rotation, and where that changes nothing a verdict.
    expect(statements() - before).toBe(backend.database.isDistributed() ? 27 : 3)
    expect(rotations).toEqual([
      {
        outcome: 'rotated',
        family: expect.objectContaining({ id: plain.id, user_id: plain.user_id, generation: 1 }),
      },
      {
        outcome: 'replayed',
        rotated_from: null,
        family: expect.objectContaining({ id: retried.id, user_id: retried.user_id, generation: 1 }),
      },
      { outcome: 'reused', user_id: reused.user_id },
      { outcome: 'forged', user_id: forged.user_id },
      { outcome: 'denied', denial: 'wrong_client', user_id: foreign.user_id },
      { outcome: 'scope_exceeded', user_id: narrowed.user_id },
      { outcome: 'resource_exceeded', user_id: elsewhere.user_id },
      { outcome: 'denied', denial: 'revoked', user_id: revoked.user_id },
    ])
    const families = [plain, retried, reused, forged, foreign, narrowed, elsewhere, revoked]
    const rows = await Promise.all(families.map(({ id }) => rowOf(ground, id)))
    expect(rows.map(({ generation, revoke_reason }) => [generation, revoke_reason])).toEqual([
      [1, null],
      [1, null],
      [1, 'reuse'],
      [0, 'forged'],
      [0, null],
      [0, null],
      [0, null],
      [0, null],
    ])
    const entries = await ground.database.sql<{ value: string }[]>`select value from revocations`
    expect(entries.map(({ value }) => value).toSorted()).toEqual([reused.id, forged.id].toSorted())
  })

  it('of one family are one rotation; the other token is judged on its result', async () => {
    const { rotate } = createStore()
    const [family, other] = await Promise.all([seed(), seed()])
    const rotations = await Promise.all([
      rotate(presentation(family, 0)),
      rotate(presentation(other, 0)),
      rotate(presentation(family, 0)),
    ])
    expect(rotations.map(({ outcome }) => outcome).toSorted()).toEqual(['reused', 'rotated', 'rotated'])
    expect((await rowOf(ground, family.id)).revoke_reason).toBe('reuse')
    expect((await rowOf(ground, other.id)).revoke_reason).toBe(null)
  })

  it.each([1, 2] as const)(
    'keep the times of a client with a long window, for tokens of version %s',
    async token_version => {
      const { rotate } = createStore()
      const family = await seedFamily(ground, { token_version })
      const grace_seconds = 600
      for (const generation of [0, 1, 2])
        expect((await rotate(presentation(family, generation, { grace_seconds }))).outcome).toBe('rotated')
      const [row] = await ground.database.sql<{ times: number; is_newest_first: boolean }[]>`
      select
        cardinality(rotation_times) as times,
        rotation_times[1] = rotated_at and rotation_times[1] >= rotation_times[2]
          and rotation_times[2] >= rotation_times[3] as is_newest_first
      from refresh_families where id = ${family.id}`
      expect(row).toEqual({ times: 3, is_newest_first: true })
      expect((await rotate(presentation(family, 0, { grace_seconds }))).outcome).toBe('replayed')
      expect((await rotate(presentation(family, 3))).outcome).toBe('rotated')
      expect(
        await ground.database.sql`select rotation_times from refresh_families where id = ${family.id}`,
      ).toEqual([{ rotation_times: null }])
    },
  )

  it('of an unknown family are denied, and the others are carried out', async () => {
    const { rotate } = createStore()
    const [family, gone] = await Promise.all([seed(), seed()])
    await ground.database.sql`delete from refresh_families where id = ${gone.id}`
    expect(await Promise.all([rotate(presentation(gone, 0)), rotate(presentation(family, 0))])).toEqual([
      { outcome: 'denied', denial: 'unknown_family', user_id: null },
      { outcome: 'rotated', family: expect.objectContaining({ id: family.id }) },
    ])
  })

  // The embedded database has one connection: no other transaction can hold a row there.
  it.skipIf(name === 'embedded')('do not wait for a locked row, except its own rotation', async () => {
    const { rotate } = createStore()
    const [family, held] = await Promise.all([seed(), seed()])
    const holder = await ground.database.sql.reserve()
    await holder`begin`
    await holder`update refresh_families set generation = 1, token_digest = ${digestOf(held.tokenAt(1))} where id = ${held.id}`
    const waiting = rotate(presentation(held, 0))
    expect((await rotate(presentation(family, 0))).outcome).toBe('rotated')
    expect((await rowOf(ground, held.id)).generation).toBe(0)
    await holder`commit`
    holder.release()
    expect(await waiting).toEqual({ outcome: 'reused', user_id: held.user_id })
  })

  it('are carried out without the one that Postgres refuses', async () => {
    const { rotate } = createStore()
    const [family, bad] = await Promise.all([seed(), seed()])
    const answers = await Promise.allSettled([
      rotate(presentation(bad, 0, { source: { ip: '127.0.0.1', user_agent: 'a\0b', request_id: 'r' } })),
      rotate(presentation(family, 0)),
    ])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    expect((await rowOf(ground, family.id)).generation).toBe(1)
    expect((await rowOf(ground, bad.id)).generation).toBe(0)
  })

  it('change nothing for a caller whose time is over', async () => {
    const family = await seed()
    const late: Database['run'] = query => backend.database.run(sql => query(sql, callerOf(sql, -0.001)))
    const families = createRefreshFamilies({ ...backend.database, run: late }, LIFETIMES)
    await expect(families.rotate(presentation(family, 0))).rejects.toThrow(Unavailable)
    expect((await createStore().rotate(presentation(family, 0))).outcome).toBe('rotated')
    await expect(families.rotate(presentation(family, 0))).rejects.toThrow(Unavailable)
    expect(await rowOf(ground, family.id)).toMatchObject({ generation: 1, revoked_at: null })
  })
})

describe.each(backends)('a rotation that is late in a batch, on $name', ({ name, open }) => {
  // On Citus no two tokens share a statement.
  it.skipIf(hasCitus && name !== 'embedded')(
    'is sent again alone and does not affect the answers of the others',
    async () => {
      const backend = await open()
      const ground = { database: backend.database, pepper: randomBytes(32).toString('base64url') }
      const [family, late] = await Promise.all([seedFamily(ground), seedFamily(ground)])
      let statements = 0
      const run = async <T>(query: Parameters<typeof backend.database.run<T>>[0]): Promise<T> => {
        const rows = await backend.database.run(query)
        if (statements++ === 0 && Array.isArray(rows))
          for (const row of rows) if (row.id === late.id) row.verdict = 'late'
        return rows
      }
      const families = createRefreshFamilies({ ...backend.database, run }, LIFETIMES)
      expect(
        await Promise.all([
          families.rotate(presentation(family, 0)),
          families.rotate(presentation(late, 0, { client_id: 'another' })),
        ]),
      ).toEqual([
        { outcome: 'rotated', family: expect.objectContaining({ id: family.id }) },
        { outcome: 'denied', denial: 'wrong_client', user_id: late.user_id },
      ])
      expect(statements).toBe(2)
      await backend.close()
    },
  )
})

describe.skipIf(!hasPostgres)('a rotation that waited for a connection, and then for its row', () => {
  it('changes nothing once its caller has given up', async () => {
    const own = await createDatabaseWithSchema()
    const lone = openDatabase({ url: own.url, pool_size: 1, answer_seconds: 1 })
    const ground = { database: lone, pepper: randomBytes(32).toString('base64url') }
    const family = await seedFamily(ground, { token_version: 2 })
    const holder = await lone.sql.reserve()
    await holder`begin`
    await holder`select from refresh_families where user_id = ${family.user_id} and id = ${family.id} for update`
    const busy = lone.run(sql => sql`select pg_sleep(0.5)`)
    const judged = createJudge(lone, LIFETIMES)([presentation(family, 0)], { waits: true })
    await expect(judged).rejects.toThrow(Unavailable)
    await busy
    await holder`commit`
    holder.release()
    // There is one connection, so that every statement before this one has ended.
    await lone.ping()
    expect((await rowOf(ground, family.id)).generation).toBe(0)
    await lone.close()
    await own.drop()
  })
})
