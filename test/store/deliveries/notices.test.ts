import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LogoutNotice } from '../../../src/domain/oauth/client.ts'
import { createAccountLife } from '../../../src/store/accounts/account-life.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { createConsents } from '../../../src/store/consents/consents.ts'
import { endRestored } from '../../../src/store/end-restored.ts'
import { createRefreshFamilies } from '../../../src/store/families/refresh-families.ts'
import type { Database as Pool } from '../../../src/store/postgres/database.ts'
import { createEndings } from '../../../src/store/revocations/endings.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import { LIFETIMES } from '../../support/families.ts'

/** The sign-ins of a person: three at each of the clients, by the client's id. */
type Person = Readonly<{ id: string; sids: ReadonlyMap<string, readonly string[]> }>
type Verb = (database: Pool, person: Person) => Promise<unknown>

const CLIENTS: readonly (readonly [string, LogoutNotice | null])[] = [
  ['by-person', 'person'],
  ['by-session', 'session'],
  ['untold', null],
]

const sidsAt = ({ sids }: Person, client_id: string): readonly string[] => sids.get(client_id) ?? []
const firstAt = (person: Person, client_id: string): string => sidsAt(person, client_id)[0] ?? ''

const everywhere: Verb = (database, { id }) =>
  createAccounts(database, LIFETIMES).endEverySignIn(id, 'signed_out_everywhere')
const remove: Verb = (database, { id }) =>
  createAccountLife(database, LIFETIMES).delete({ id, credential_epoch: 0 })
const changePassword: Verb = (database, person) =>
  createAccounts(database, LIFETIMES).endOtherSignIns({
    id: person.id,
    keep: firstAt(person, 'by-person'),
    credential_epoch: 0,
    password_digest: null,
    reason: 'password_changed',
  })
const endClient: Verb = database => createEndings(database, LIFETIMES).endClient('by-person')

/** What ends the sign-ins of other people too. */
const OF_EVERYONE: ReadonlySet<Verb> = new Set([endClient, endRestored])

describe.each(backends)('the notices of ended sign-ins, on $name', ({ open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  const seed = async (each = 3): Promise<Person> => {
    const { sql } = backend.database
    const id = randomUUID()
    await sql`insert into users (id, email, roles) values (${id}, ${id}, '{}')`
    const sids = new Map<string, readonly string[]>()
    for (const [client_id, notice] of CLIENTS) {
      const rows = await sql<{ id: string }[]>`
        insert into refresh_families (
          id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
          idle_expires_at, expires_at, logout_notice
        )
        select
          gen_random_uuid(), ${id}, 0, ${client_id}, 'openid', '{}', now(), '{}', ${randomBytes(16)}, 1,
          ${randomBytes(32)}, now(), now() + interval '1 day', ${notice}
        from generate_series(1, ${each}::int)
        returning id`
      sids.set(
        client_id,
        rows.map(row => row.id),
      )
    }
    return { id, sids }
  }
  const noticesOf = async ({ id }: Person) => {
    const rows = await backend.database.sql<{ receiver: string; sid: string | null; seconds: number }[]>`
      select receiver, sid, round(extract(epoch from expires_at - now()) / 100)::int * 100 as seconds
      from deliveries
      where user_id = ${id}`
    expect(rows.every(({ seconds }) => seconds === 86_400)).toBe(true)
    return rows.map(({ receiver, sid }) => `${receiver} ${sid}`).toSorted()
  }
  const each = (client_id: string, sids: readonly string[]) => sids.map(sid => `${client_id} ${sid}`)

  it.each<[string, Verb, (person: Person) => readonly string[]]>([
    [
      'a sign-in, by its sid',
      (database, person) =>
        createRefreshFamilies(database, LIFETIMES).end({
          family_id: firstAt(person, 'by-person'),
          user_id: null,
          salt: null,
          client_id: null,
          reason: 'signed_out',
        }),
      person => [`by-person ${firstAt(person, 'by-person')}`],
    ],
    [
      'a withdrawn consent, by each sid',
      (database, { id }) =>
        createConsents(database, LIFETIMES).withdraw({
          user_id: id,
          client_id: 'by-session',
          reason: 'consent_withdrawn',
        }),
      person => each('by-session', sidsAt(person, 'by-session')),
    ],
    [
      'all but one sign-in, by each sid',
      changePassword,
      person => [
        ...each('by-person', sidsAt(person, 'by-person').slice(1)),
        ...each('by-session', sidsAt(person, 'by-session')),
      ],
    ],
    [
      'everything of a person, once for each client that needs no sid',
      everywhere,
      person => ['by-person null', ...each('by-session', sidsAt(person, 'by-session'))],
    ],
    [
      'a deleted account, likewise',
      remove,
      person => ['by-person null', ...each('by-session', sidsAt(person, 'by-session'))],
    ],
    [
      'everything of a client, by each sid',
      endClient,
      person => each('by-person', sidsAt(person, 'by-person')),
    ],
    [
      'everything before a restore, as by the person',
      endRestored,
      person => ['by-person null', ...each('by-session', sidsAt(person, 'by-session'))],
    ],
  ])('are written for %s', async (_, verb, expected) => {
    const [person, bystander] = [await seed(), await seed()]
    await backend.database.sql`
      insert into consents (user_id, client_id, granted) values (${person.id}, 'by-session', '{openid}')`
    await verb(backend.database, person)
    expect(await noticesOf(person)).toEqual(expected(person).toSorted())
    expect(await noticesOf(bystander)).toEqual(OF_EVERYONE.has(verb) ? expected(bystander).toSorted() : [])
    await verb(backend.database, person)
    expect(await noticesOf(person)).toEqual(expected(person).toSorted())
  })

  it('of very many sign-ins name each client by the batches that follow, and spare the one where a sign-in goes on', async () => {
    const { sql } = backend.database
    const countAt = async (person: Person, client_id: string) => {
      const [row] = await sql<{ all: number; without_sid: number }[]>`
        select count(*)::int as all, (count(*) filter (where sid is null))::int as without_sid
        from deliveries
        where user_id = ${person.id} and receiver = ${client_id}`
      return [row?.all, row?.without_sid]
    }
    const isFinished = (person: Person) =>
      expect
        .poll(() => sql`select from unfinished_endings where user_id = ${person.id}`, { timeout: 15_000 })
        .toHaveLength(0)
    const [person, changed] = [await seed(1_100), await seed(1_100)]
    await everywhere(backend.database, person)
    await isFinished(person)
    const [all = 0, without_sid] = await countAt(person, 'by-person')
    expect([all >= 1 && all <= 2, without_sid]).toEqual([true, all])
    expect(await countAt(person, 'by-session')).toEqual([1_100, 0])
    await changePassword(backend.database, changed)
    await isFinished(changed)
    expect(await countAt(changed, 'by-person')).toEqual([1_099, 0])
    expect(await countAt(changed, 'by-session')).toEqual([1_100, 0])
  })
})
