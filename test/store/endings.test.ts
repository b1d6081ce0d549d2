import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../src/domain/digest.ts'
import { createPepper, refreshTokenAt } from '../../src/domain/refresh-token.ts'
import { createAccounts } from '../../src/store/accounts.ts'
import type { Database } from '../../src/store/database.ts'
import { createEndings } from '../../src/store/endings.ts'
import { createRefreshFamilies } from '../../src/store/refresh-families.ts'
import { backends, hasPostgres, type OpenBackend } from '../support/backends.ts'

const LIFETIMES = { idle_seconds: 3600, max_seconds: 86_400, access_token_seconds: 900 }
const pepper = createPepper(randomBytes(32))

/** Every verb that ends a person's sign-ins; the families that it says it ended. */
const VERBS: readonly (readonly [
  string,
  (database: Database, person: string, keep: string) => Promise<readonly string[] | undefined>,
])[] = [
  [
    'a sign-out everywhere',
    (database, person) => createAccounts(database, LIFETIMES).endEverySignIn(person, 'signed_out_everywhere'),
  ],
  [
    'a change of password',
    async (database, id, keep) =>
      (await createAccounts(database, LIFETIMES).endOtherSignIns({
        id,
        credential_epoch: 0,
        keep,
        password_digest: null,
        reason: 'password_changed',
      })) ?? undefined,
  ],
  [
    'a global revocation',
    async (database, person) => (await createEndings(database, LIFETIMES).endPerson(person))?.families,
  ],
]

const createPerson = async ({ sql }: Database) => {
  const id = randomUUID()
  await sql`insert into users (id, email, roles) values (${id}, ${id}, '{}')`
  return id
}

const signIn = async (database: Database, user_id: string): Promise<string | null> => {
  const id = randomUUID()
  const salt = randomBytes(16)
  const family = await createRefreshFamilies(database, LIFETIMES).open({
    id,
    user_id,
    credential_epoch: 0,
    client_id: 'c',
    scope: '',
    audience: [],
    amr: [],
    refresh_transport: 'body',
    salt,
    pepper_id: pepper.id,
    token_digest: digestOf(refreshTokenAt({ family_id: id, salt, generation: 0 }, pepper)),
    origin: { ip: '127.0.0.1', user_agent: null },
  })
  return family?.id ?? null
}

const mustSignIn = async (database: Database, person: string) => {
  const id = await signIn(database, person)
  if (id === null) throw new Error('no sign-in')
  return id
}

/** Of these sign-ins, those that are in the feed, and those that are not revoked. */
const lookAt = async ({ sql }: Database, ids: readonly string[]) => {
  const announced = await sql<{ value: string }[]>`
    select value from revocations where kind = 'sid' and value = any(${ids}::text[])`
  const living = await sql<{ id: string }[]>`
    select id from refresh_families where id = any(${ids}::uuid[]) and revoked_at is null`
  return { announced: announced.map(({ value }) => value), living: living.map(({ id }) => id) }
}

describe.each(backends)('what ends a person’s sign-ins, on $name', ({ open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  it.each(VERBS)(
    '%s ends and announces them all, but one that is kept, and nobody else’s',
    async (name, end) => {
      const { database } = backend
      const [person, stranger] = [await createPerson(database), await createPerson(database)]
      const [kept, second, third] = [
        await mustSignIn(database, person),
        await mustSignIn(database, person),
        await mustSignIn(database, person),
      ]
      const bystander = await mustSignIn(database, stranger)
      const goesOn = name === 'a change of password' ? [kept] : []
      const ended = [kept, second, third].filter(id => !goesOn.includes(id))
      expect((await end(database, person, kept))?.toSorted()).toEqual(ended.toSorted())
      const { announced, living } = await lookAt(database, [kept, second, third, bystander])
      expect(announced.toSorted()).toEqual(ended.toSorted())
      expect(living.toSorted()).toEqual([...goesOn, bystander].toSorted())
    },
  )

  it.each(VERBS)('%s leaves no sign-in of the same moment without its entry in the feed', async (_, end) => {
    const { database } = backend
    for (let turn = 0; turn < 20; turn += 1) {
      const person = await createPerson(database)
      const before = await mustSignIn(database, person)
      const signIns = [1, 2, 3].map(() => signIn(database, person))
      const [ended = [], ...opened] = await Promise.all([end(database, person, randomUUID()), ...signIns])
      const all = [before, ...opened.filter(id => id !== null)]
      expect(ended.toSorted()).toEqual(all.toSorted())
      expect((await lookAt(database, all)).announced.toSorted()).toEqual(all.toSorted())
    }
  })

  it('does nothing for nobody', async () => {
    expect(await createEndings(backend.database, LIFETIMES).endPerson(randomUUID())).toBeNull()
    expect(
      await createAccounts(backend.database, LIFETIMES).endEverySignIn(randomUUID(), 'signed_out_everywhere'),
    ).toEqual([])
  })
})

describe.skipIf(!hasPostgres)('what ends a person’s sign-ins while one is being committed', () => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await (backends.find(({ name }) => name === 'postgres') ?? unreachable()).open()
  })
  afterAll(() => backend.close())

  /** A connection that holds what it did until it is told to commit. */
  const hold = async () => {
    const held = await backend.database.sql.reserve()
    await held`begin`
    const commit = async () => {
      await held`commit`
      held.release()
    }
    return { database: { ...backend.database, run: query => query(held) } satisfies Database, commit }
  }

  it.each(VERBS)('%s ends and announces the sign-in that it waited for', async (_, end) => {
    const { database } = backend
    const person = await createPerson(database)
    const kept = await mustSignIn(database, person)
    const slow = await hold()
    const late = await mustSignIn(slow.database, person)
    const ending = end(database, person, kept)
    await waitingForLock(database)
    await slow.commit()
    expect(await ending).toContain(late)
    expect(await lookAt(database, [late])).toEqual({ announced: [late], living: [] })
  })

  it('names a sign-in in the feed for as long as the token of a rotation that was waited for lives', async () => {
    const { database } = backend
    const person = await createPerson(database)
    const id = await mustSignIn(database, person)
    const slow = await hold()
    // As a rotation holds it.
    await slow.database.run(sql => sql`select from refresh_families where id = ${id} for no key update`)
    const ending = createAccounts(database, LIFETIMES).endEverySignIn(person, 'signed_out_everywhere')
    await waitingForLock(database)
    const [{ now } = { now: null }] = await database.sql<{ now: Date }[]>`select clock_timestamp() as now`
    await slow.commit()
    await ending
    const [entry] = await database.sql<{ outlives: boolean }[]>`
      select expires_at >= ${now}::timestamptz + interval '900 seconds' as outlives from revocations where value = ${id}`
    expect(entry).toEqual({ outlives: true })
  })
})

/** Until a statement of this database waits for a row that a transaction holds. */
const waitingForLock = async ({ sql }: Database): Promise<void> => {
  for (;;) {
    const waiting = await sql`
      select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    if (waiting.length > 0) return
  }
}

const unreachable = (): never => {
  throw new Error('there is a Postgres')
}
