import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAccountLife } from '../../../src/store/accounts/account-life.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { createFinishEndings } from '../../../src/store/families/unfinished-endings.ts'
import type { Database as Pool } from '../../../src/store/postgres/database.ts'
import { createEndings } from '../../../src/store/revocations/endings.ts'
import { createRevocations } from '../../../src/store/revocations/revocations.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import { countWaitingForLock } from '../../support/database.ts'
import { LIFETIMES } from '../../support/families.ts'

/** More than one statement ends. Some have had no token for hours. */
const RECENT = 2_600
const OLD = 300

type Verb = (database: Pool, person: Readonly<{ id: string; keep: string }>) => Promise<unknown>

const changePassword: Verb = (database, { id, keep }) =>
  createAccounts(database, LIFETIMES).endOtherSignIns({
    id,
    keep,
    credential_epoch: 0,
    password_digest: null,
    reason: 'password_changed',
  })
const signOutEverywhere: Verb = (database, { id }) =>
  createAccounts(database, LIFETIMES).endEverySignIn(id, 'signed_out_everywhere')
const endPerson: Verb = (database, { id }) => createEndings(database, LIFETIMES).endPerson(id)
const remove: Verb = (database, { id }) =>
  createAccountLife(database, LIFETIMES).delete({ id, credential_epoch: 0 })

describe.each(backends)('very many sign-ins of one account, on $name', ({ name, open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  const createPerson = async (recent = RECENT) => {
    const { sql } = backend.database
    const [id, keep] = [randomUUID(), randomUUID()]
    await sql`insert into users (id, email, roles) values (${id}, ${id}, '{}')`
    const insert = (count: number, age_seconds: number) => sql`
      insert into refresh_families (
        id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
        idle_expires_at, expires_at, created_at
      )
      select
        gen_random_uuid(), ${id}, 0, 'c', '', '{}', now(), '{}', ${randomBytes(16)}, 1, ${randomBytes(32)},
        now() + interval '1 hour', now() + interval '1 day', now() - make_interval(secs => ${age_seconds})
      from generate_series(1, ${count}::int)`
    await insert(recent, 0)
    await insert(OLD, 7200)
    const [first] = await insert(1, 7200).then(
      () => sql<{ id: string }[]>`select id from refresh_families where user_id = ${id} limit 1`,
    )
    await sql`update refresh_families set id = ${keep} where id = ${first?.id ?? ''}`
    return { id, keep }
  }
  const countOf = async (id: string) => {
    const { sql } = backend.database
    const [counted] = await sql<{ living: number; rows: number; pending: number }[]>`
      select
        count(*) filter (where revoked_at is null)::int as living, count(*)::int as rows,
        (select count(*)::int from unfinished_endings where user_id = ${id}) as pending
      from refresh_families
      where user_id = ${id}`
    return counted
  }
  const entriesSince = async (before: number) => {
    const [row] = await backend.database.sql<{ count: number }[]>`
      select count(*)::int as count from revocations where kind = 'sid'`
    return (row?.count ?? 0) - before
  }
  const hasEntry = async (kind: string, value: string) => {
    const rows = await backend.database.sql`select from revocations where kind = ${kind} and value = ${value}`
    return rows.length === 1
  }
  type Recent = Readonly<{ id: string; iat: number }>
  const recentOf = ({ id, keep }: Readonly<{ id: string; keep: string }>) =>
    backend.database.sql<Recent[]>`
      select id, floor(extract(epoch from created_at))::float8 as iat
      from refresh_families
      where user_id = ${id} and id <> ${keep} and created_at > now() - interval '1 hour'`
  /** True when the feed has each of these sign-ins, by its own entry or by the person's. */
  const isInFeed = async (recent: readonly Recent[], { id }: Readonly<{ id: string }>) => {
    const rows = await backend.database.sql<{ value: string; until: number | null }[]>`
      select value, floor(extract(epoch from issued_until))::float8 as until
      from revocations
      where kind = 'sid' or kind = 'sub' and value = ${id}`
    const known = new Map(rows.map(({ value, until }) => [value, until]))
    return recent.every(family => known.has(family.id) || family.iat <= (known.get(id) ?? 0))
  }
  /** A database that fails after this number of statements, as if the process had died. */
  const dying = (statements: number): Pool => {
    let left = statements
    return {
      ...backend.database,
      run: query => (left-- > 0 ? backend.database.run(query) : Promise.reject(new Error('died'))),
    }
  }
  const finishing = {
    access_token_seconds: LIFETIMES.access_token_seconds,
    onFailure: (error: unknown) => expect.unreachable(String(error)),
  }
  const bystander = async () => {
    const other = await createPerson(5)
    return { expectAlive: async () => expect((await countOf(other.id))?.living).toBe(5 + OLD + 1) }
  }

  it.each([
    ['a change of password', changePassword, 1],
    ['a sign-out everywhere', signOutEverywhere, 0],
    ['a global revocation', endPerson, 0],
  ])('%s ends all of them, in batches, with entries of the feed', async (_, verb, left) => {
    const person = await createPerson()
    const other = await bystander()
    const before = await entriesSince(0)
    const recent = await recentOf(person)
    expect(await verb(backend.database, person)).not.toBeNull()
    await expect
      .poll(() => countOf(person.id), { timeout: 15_000 })
      .toMatchObject({ living: left, pending: 0 })
    const entries = await entriesSince(before)
    // Sign-ins that have had no token for hours, and those that the person's entry covers, need no entry.
    expect(entries).toBeGreaterThanOrEqual(left === 1 ? RECENT - 1 : 2_000)
    expect(entries).toBeLessThanOrEqual(RECENT)
    expect(await isInFeed(recent, person)).toBe(true)
    if (left === 1) expect(await hasEntry('sid', person.keep)).toBe(false)
    expect(await hasEntry('sub', person.id)).toBe(left === 0)
    await other.expectAlive()
  })

  it.skipIf(name === 'embedded').each([
    ['a change of password', changePassword, 1],
    ['a sign-out everywhere', signOutEverywhere, 0],
    ['a global revocation', endPerson, 0],
  ])('%s continues even when one of the first sign-ins was ended meanwhile', async (_, verb, left) => {
    const { sql } = backend.database
    const person = await createPerson()
    const [first, ...recent] = await recentOf(person)
    // One of the sign-ins that the first statement finds.
    await sql`update refresh_families set rotated_at = now() where id = ${first?.id ?? ''}`
    const holder = await sql.reserve()
    await holder`begin`
    await holder`update signet.refresh_families set revoked_at = now() where id = ${first?.id ?? ''}`
    const ending = verb(backend.database, person)
    await expect.poll(() => countWaitingForLock(backend.database)).toBe(1)
    await holder`commit`
    holder.release()
    expect(await ending).not.toBeNull()
    await expect
      .poll(() => countOf(person.id), { timeout: 15_000 })
      .toMatchObject({ living: left, pending: 0 })
    expect(await isInFeed(recent, person)).toBe(true)
    expect(await hasEntry('sub', person.id)).toBe(left === 0)
  })

  it('writes entries of a few old sign-ins too, because tokens may have had a longer life then', async () => {
    const person = await createPerson(0)
    const before = await entriesSince(0)
    await changePassword(backend.database, person)
    expect(await entriesSince(before)).toBe(OLD)
  })

  it('are all dead at once, by the epoch, also those that the first statement has not reached', async () => {
    const person = await createPerson()
    await changePassword(dying(1), person)
    expect(await countOf(person.id)).toMatchObject({ living: RECENT + OLD + 1 - 2_000, pending: 1 })
    const rest = await backend.database.sql<{ id: string }[]>`
      select id from refresh_families where user_id = ${person.id} and revoked_at is null limit 20`
    const revocations = createRevocations(backend.database, LIFETIMES)
    for (const { id: sid } of rest) {
      const token = {
        jti: randomUUID(),
        sid,
        sub: person.id,
        client_id: 'c',
        iat: Math.floor(Date.now() / 1000),
      }
      expect((await revocations.livingAt(token)) !== null).toBe(sid === person.keep)
    }
  })

  it.each([
    ['a change of password', changePassword, 1, 1],
    ['a sign-out everywhere', signOutEverywhere, 0, 1],
    ['a deletion', remove, 0, 3],
  ])(
    '%s that died halfway is continued by another instance when it is due',
    async (_, verb, left, statements) => {
      const person = await createPerson()
      const other = await bystander()
      await verb(dying(statements), person)
      const finish = createFinishEndings(backend.database, finishing)
      await finish()
      expect(await countOf(person.id)).toMatchObject({ pending: 1 })
      await backend.database.sql`update unfinished_endings set due_at = now() where user_id = ${person.id}`
      await Promise.all([finish(), finish()])
      await finish()
      expect(await countOf(person.id)).toMatchObject({ living: left, pending: 0 })
      await other.expectAlive()
    },
  )

  it('of one account whose batches fail do not delay others, and are tried again', async () => {
    const { sql } = backend.database
    const [broken, person] = [await createPerson(), await createPerson()]
    for (const each of [broken, person]) await changePassword(dying(1), each)
    await sql`update unfinished_endings set due_at = now() - interval '1 hour' where user_id = ${broken.id}`
    await sql`update unfinished_endings set due_at = now() where user_id = ${person.id}`
    await sql`alter table refresh_families add constraint broken check (
      user_id <> ${sql.unsafe(`'${broken.id}'`)} or revoke_reason is distinct from 'password_changed'
    ) not valid`
    const failures: unknown[] = []
    const onFailure = (error: unknown) => failures.push(error)
    const finish = createFinishEndings(backend.database, { ...finishing, onFailure })
    await finish()
    await finish()
    expect(failures).toHaveLength(1)
    expect(await countOf(person.id)).toMatchObject({ living: 1, pending: 0 })
    expect(await countOf(broken.id)).toMatchObject({ pending: 1 })
    await sql`alter table refresh_families drop constraint broken`
    await sql`update unfinished_endings set due_at = now() where user_id = ${broken.id}`
    await finish()
    expect(await countOf(broken.id)).toMatchObject({ living: 1, pending: 0 })
  })

  it('are deleted with their account, whose address and external id are free at once', async () => {
    const person = await createPerson()
    const other = await bystander()
    const before = await entriesSince(0)
    const recent = await recentOf(person)
    const { sql } = backend.database
    await sql`update users set name = 'Ada', external_id = ${person.id} where id = ${person.id}`
    await sql`insert into consents (user_id, client_id, granted) values (${person.id}, 'c', '{openid}')`
    await sql`
      insert into upstream_identities (user_id, id, issuer, subject)
      values (${person.id}, ${person.id}, 'https://provider.example', ${person.id})`
    await sql`
      insert into browser_sessions (user_id, id, digest, credential_epoch, auth_time, amr, idle_expires_at, expires_at)
      values (${person.id}, ${person.id}, ${randomBytes(32)}, 0, now(), '{}', now(), now())`
    await remove(dying(2), person)
    await sql`
      insert into users (id, email, roles, external_id) values (${randomUUID()}, ${person.id}, '{}', ${person.id})`
    expect(await sql`select email, password_digest, name from users where id = ${person.id}`).toEqual([
      { email: `deleted ${person.id}`, password_digest: null, name: null },
    ])
    for (const table of ['browser_sessions', 'consents', 'upstream_identities'])
      expect(await sql`select from ${sql(table)} where user_id = ${person.id}`).toHaveLength(0)
    expect(await hasEntry('sub', person.id)).toBe(true)
    await sql`update unfinished_endings set due_at = now()`
    await createFinishEndings(backend.database, finishing)()
    expect(await countOf(person.id)).toEqual({ living: 0, rows: 0, pending: 0 })
    expect(await sql`select from users where id = ${person.id}`).toHaveLength(0)
    expect(await entriesSince(before)).toBeGreaterThanOrEqual(2_000)
    expect(await isInFeed(recent, person)).toBe(true)
    await other.expectAlive()
  })
})
