import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { linkText } from '../../../src/domain/account/account-name.ts'
import { linkTokenOf } from '../../../src/domain/account/email-link.ts'
import type { PasswordDigest } from '../../../src/domain/account/password-digest.ts'
import { digestOf } from '../../../src/domain/base/digest.ts'
import { createPepper } from '../../../src/domain/base/pepper.ts'
import { ceremonyHandleOf } from '../../../src/domain/factors/ceremony.ts'
import { refreshTokenAt } from '../../../src/domain/sign-in/refresh-token.ts'
import { createAccountLife } from '../../../src/store/accounts/account-life.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { createCeremonies } from '../../../src/store/factors/ceremonies.ts'
import { createFactors } from '../../../src/store/factors/factors.ts'
import { createRefreshFamilies } from '../../../src/store/families/refresh-families.ts'
import { createEmailLinks } from '../../../src/store/mail/email-links.ts'
import { createEndings } from '../../../src/store/revocations/endings.ts'
import { createAccount } from '../../support/accounts/account-lines.ts'
import { backends, hasPostgres, type OpenBackend } from '../../support/backends.ts'
import { callerOf, type Database, untilWaitingForLock } from '../../support/database.ts'
import { LIFETIMES } from '../../support/families.ts'

const pepper = createPepper(randomBytes(32))

/** Every verb that ends a person's sign-ins. Each returns the families that it ended. */
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
    'a reset of the password',
    async (database, person) => {
      const digest = await mailLink(database, person, 'reset_password')
      const links = createEmailLinks(database, LIFETIMES)
      return (await links.redeemReset({ digest, password_digest: PASSWORD_DIGEST }))?.families
    },
  ],
  [
    'a deletion of the account',
    async (database, id) =>
      (await createAccountLife(database, LIFETIMES).delete({ id, credential_epoch: 0 }))?.families,
  ],
  [
    'a global revocation',
    async (database, person) => (await createEndings(database, LIFETIMES).endPerson(person))?.families,
  ],
]

const PASSWORD_DIGEST = `$2b$10$${'.'.repeat(53)}` as PasswordDigest

/** Stores a link, as issuing one does. */
const mailLink = async ({ sql }: Database, person: string, purpose: string) => {
  const digest = digestOf(linkTokenOf(randomBytes(32)))
  await sql`
    insert into email_links (user_id, purpose, digest, email, credential_epoch, expires_at)
    values (${person}, ${purpose}, ${digest}, ${person}, 0, now() + interval '1 hour')`
  // By which a link is found on Citus.
  await sql`insert into account_names (kind, value, user_id) values ('link', ${linkText(digest)}, ${person})`
  return digest
}

const createPerson = async (database: Database) => {
  const id = randomUUID()
  await createAccount(database, { id, email: id })
  return id
}

const openFamily = async (database: Database, user_id: string): Promise<string | null> => {
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
    sender_key: null,
    claims: null,
    salt,
    pepper_id: pepper.id,
    token_digest: digestOf(refreshTokenAt({ family_id: id, user_id: null, salt, generation: 0 }, pepper)),
    source: { ip: '127.0.0.1', user_agent: null },
  })
  return family?.id ?? null
}

const mustOpenFamily = async (database: Database, person: string) => {
  const id = await openFamily(database, person)
  if (id === null) throw new Error('no sign-in')
  return id
}

/** The given sign-ins that are in the feed, and those that live. */
const lookAt = async ({ sql }: Database, ids: readonly string[]) => {
  const entries = await sql<{ value: string }[]>`
    select value from revocations where kind = 'sid' and value = any(${ids}::text[])`
  const living = await sql<{ id: string }[]>`
    select id from refresh_families where id = any(${ids}::uuid[]) and revoked_at is null`
  return { entries: entries.map(({ value }) => value), living: living.map(({ id }) => id) }
}

describe.each(backends)('an ending of a person’s sign-ins, on $name', ({ open }) => {
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
        await mustOpenFamily(database, person),
        await mustOpenFamily(database, person),
        await mustOpenFamily(database, person),
      ]
      const bystander = await mustOpenFamily(database, stranger)
      const goesOn = name === 'a change of password' ? [kept] : []
      const ended = [kept, second, third].filter(id => !goesOn.includes(id))
      expect((await end(database, person, kept))?.toSorted()).toEqual(ended.toSorted())
      const { entries, living } = await lookAt(database, [kept, second, third, bystander])
      expect(entries.toSorted()).toEqual(ended.toSorted())
      expect(living.toSorted()).toEqual([...goesOn, bystander].toSorted())
    },
  )

  it.each(VERBS)(
    '%s leaves no sign-in of the same moment without its entry in the feed',
    async (name, end) => {
      const { database } = backend
      for (let turn = 0; turn < 20; turn += 1) {
        const person = await createPerson(database)
        const [kept, before] = [
          await mustOpenFamily(database, person),
          await mustOpenFamily(database, person),
        ]
        const signIns = [1, 2, 3].map(() => openFamily(database, person))
        const [ended = [], ...opened] = await Promise.all([end(database, person, kept), ...signIns])
        const others = [before, ...opened.filter(id => id !== null)]
        const all = name === 'a change of password' ? others : [kept, ...others]
        expect(ended.toSorted()).toEqual(all.toSorted())
        expect((await lookAt(database, all)).entries.toSorted()).toEqual(all.toSorted())
      }
    },
  )

  it('changes nothing when the sign-in that asks was ended meanwhile', async () => {
    const { database } = backend
    const person = await createPerson(database)
    const [keep, other] = [await mustOpenFamily(database, person), await mustOpenFamily(database, person)]
    await database.sql`update refresh_families set revoked_at = now() where id = ${keep}`
    const change = {
      id: person,
      credential_epoch: 0,
      keep,
      password_digest: null,
      reason: 'password_changed',
    } as const
    expect(await createAccounts(database, LIFETIMES).endOtherSignIns(change)).toBeNull()
    expect((await lookAt(database, [keep, other])).living).toEqual([other])
  })

  it('changes nothing for an unknown account', async () => {
    expect(await createEndings(backend.database, LIFETIMES).endPerson(randomUUID())).toBeNull()
    expect(
      await createAccounts(backend.database, LIFETIMES).endEverySignIn(randomUUID(), 'signed_out_everywhere'),
    ).toEqual([])
  })
})

describe.skipIf(!hasPostgres)('an ending of a person’s sign-ins while one is being committed', () => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await (backends.find(({ name }) => name === 'postgres') ?? unreachable()).open()
  })
  afterAll(() => backend.close())

  /** A transaction that stays open until it is told to commit. */
  const hold = async () => {
    const held = await backend.database.sql.reserve()
    await held`begin`
    const commit = async () => {
      await held`commit`
      held.release()
    }
    return {
      database: {
        ...backend.database,
        run: query => query(held, callerOf(held, 4, backend.database.isDistributed())),
      } satisfies Database,
      commit,
    }
  }

  it.each(VERBS)('%s ends the sign-in that it waited for, with its entry', async (_, end) => {
    const { database } = backend
    const person = await createPerson(database)
    const kept = await mustOpenFamily(database, person)
    const slow = await hold()
    const late = await mustOpenFamily(slow.database, person)
    const ending = end(database, person, kept)
    await untilWaitingForLock(database)
    await slow.commit()
    expect(await ending).toContain(late)
    expect(await lookAt(database, [late])).toEqual({ entries: [late], living: [] })
  })

  it('keeps a sign-in in the feed for as long as the token of a rotation that it waited for lives', async () => {
    const { database } = backend
    const person = await createPerson(database)
    const id = await mustOpenFamily(database, person)
    const slow = await hold()
    // The lock of a rotation.
    await slow.database.run(
      sql => sql`select from refresh_families where user_id = ${person} and id = ${id} for no key update`,
    )
    const ending = createAccounts(database, LIFETIMES).endEverySignIn(person, 'signed_out_everywhere')
    await untilWaitingForLock(database)
    const [{ now } = { now: null }] = await database.sql<{ now: Date }[]>`select clock_timestamp() as now`
    await slow.commit()
    await ending
    const [entry] = await database.sql<{ outlives: boolean }[]>`
      select expires_at >= ${now}::timestamptz + interval '900 seconds' as outlives from revocations where value = ${id}`
    expect(entry).toEqual({ outlives: true })
  })
})

describe.skipIf(!hasPostgres)('concurrent endings', () => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await (backends.find(({ name }) => name === 'postgres') ?? unreachable()).open()
  })
  afterAll(() => backend.close())

  /** A database like the pool’s, but a deadlock is an error. */
  const unforgiving = (): Database => {
    const { sql } = backend.database
    return {
      ...backend.database,
      run: query => query(sql, callerOf(sql, 4, backend.database.isDistributed())),
    }
  }

  it('end every family of a client, also when some of them end meanwhile', async () => {
    const { database } = backend
    const person = await createPerson(database)
    await database.sql`
      insert into refresh_families (
        id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
        idle_expires_at, expires_at
      )
      select
        gen_random_uuid(), ${person}, 0, 'crowd', '', '{}', now(), '{}', '', 1, '',
        now() + interval '1 day', now() + interval '1 day'
      from generate_series(1, 10003)`
    const held = await database.sql.reserve()
    await held`begin`
    // More than are left for the second batch, so that the first one meets at least one of them.
    await held`
      update refresh_families set revoked_at = now()
      where id in (select id from refresh_families where client_id = 'crowd' limit 4)`
    const ending = createEndings(database, LIFETIMES).endClient('crowd')
    await untilWaitingForLock(database)
    await held`commit`
    held.release()
    await ending
    const living = await database.sql`
      select from refresh_families where client_id = 'crowd' and revoked_at is null`
    expect(living).toHaveLength(0)
  })

  it.each(['reset_password', 'delete'] as const)(
    '%s and another link of the person do not lock each other out',
    async first => {
      const database = unforgiving()
      const person = await createPerson(database)
      const links = createEmailLinks(database, LIFETIMES)
      const verification = await mailLink(database, person, 'verify_email')
      const reset = await mailLink(database, person, 'reset_password')
      const held = await database.sql.reserve()
      await held`begin`
      await held`select from users where id = ${person} for no key update`
      const ending =
        first === 'delete'
          ? createAccountLife(database, LIFETIMES).delete({ id: person, credential_epoch: 0 })
          : links.redeemReset({ digest: reset, password_digest: PASSWORD_DIGEST })
      await untilWaitingForLock(database)
      const verified = links.redeemVerification(verification)
      await untilWaitingForLock(database, 2)
      await held`commit`
      held.release()
      expect(await ending).not.toBeNull()
      expect(await verified).toBeNull()
    },
  )

  it('delete an account during every verb that begins something for it', async () => {
    // Every statement has a connection of its own at once, as those of other instances have.
    const database = unforgiving()
    const person = await createPerson(database)
    const links = createEmailLinks(database, LIFETIMES)
    const held = await database.sql.reserve()
    await held`begin`
    await held`delete from users where id = ${person}`
    const digest = digestOf(linkTokenOf(randomBytes(32)))
    const asked = { link: { digest, seed: randomBytes(32), pepper_id: 1 }, pepper_ids: [1] }
    const begun = [
      links.issueReset({ email: person, ...asked }),
      links.issueVerification({ account_id: person, email: person, ...asked }),
      links.issueChange({ account_id: person, credential_epoch: 0, new_email: 'new@example.com', ...asked }),
      createFactors(database, LIFETIMES).replaceRecoveryCodes({
        id: person,
        credential_epoch: 0,
        replaces: null,
        digests: [],
      }),
      createCeremonies(database).begin({
        digest: digestOf(ceremonyHandleOf(randomBytes(32))),
        purpose: 'step_up',
        account: { id: person, credential_epoch: 0 },
        family_id: null,
        client_id: 'c',
        refresh_transport: 'body',
        payload: randomBytes(32),
      }),
    ]
    await untilWaitingForLock(database, begun.length)
    await held`commit`
    held.release()
    expect(await Promise.all(begun)).toEqual([null, null, null, null, undefined])
  })
})

const unreachable = (): never => {
  throw new Error('there is a Postgres')
}
