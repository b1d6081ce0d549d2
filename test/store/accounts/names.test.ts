import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { AccountLine } from '../../../src/domain/account/account-line.ts'
import type { PasswordDigest } from '../../../src/domain/account/password-digest.ts'
import { createAccountAdministration } from '../../../src/store/accounts/account-administration.ts'
import { createAccountLife } from '../../../src/store/accounts/account-life.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { createAssertedAccounts } from '../../../src/store/accounts/asserted-accounts.ts'
import { createAdministeredAccounts } from '../../../src/store/admin/administered-accounts.ts'
import { newLine } from '../../support/accounts/account-lines.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import { LIFETIMES } from '../../support/families.ts'

const PASSWORD_DIGEST = `$2b$10$${'.'.repeat(53)}` as PasswordDigest

describe.each(backends)('names of accounts, on $name', ({ open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  const registered = () => createAccounts(backend.database, LIFETIMES)
  const administration = () => createAccountAdministration(backend.database, LIFETIMES)
  const administered = () => createAdministeredAccounts(backend.database, LIFETIMES)

  const register = (email: string) =>
    registered().create({
      id: randomUUID(),
      email,
      password_digest: PASSWORD_DIGEST,
      roles: [],
      language: 'en',
    })

  const lineOf = (more: Partial<AccountLine> = {}) => newLine({ email_verified: true, ...more })

  const create = async (more: Partial<AccountLine> = {}): Promise<AccountLine> => {
    const line = lineOf(more)
    expect(await administration().create(line)).toBe(true)
    return line
  }

  const importLines = (lines: readonly AccountLine[]) =>
    administration().importBatch({
      digest: randomBytes(32),
      accounts: lines.map((account, at) => ({ number: at + 1, account, totp_secret: null })),
    })

  /** On Citus, each name is that of the account that has it; elsewhere unique indexes serve, and no name is stored. */
  afterEach(async () => {
    const { database } = backend
    const names = await database.sql`
      select kind, value, user_id from account_names where kind in ('email', 'external_id') order by kind, value`
    const accounts = await database.sql`
      select 'email' as kind, email as value, id as user_id from users
      union all
      select 'external_id', external_id, id from users where external_id is not null
      order by kind, value`
    expect([...names]).toEqual(database.isDistributed() ? [...accounts] : [])
    expect(new Set(accounts.map(({ kind, value }) => `${kind} ${value}`)).size).toBe(accounts.length)
  })

  it('are found after a registration, a creation and an import', async () => {
    const email = `${randomUUID()}@example.com`
    const account = await register(email)
    const made = await create({ external_id: randomUUID() })
    const imported = lineOf({ external_id: randomUUID() })
    expect(await importLines([imported])).toMatchObject({ created: 1 })
    expect(await administration().find({ email })).toMatchObject({ id: account?.id })
    for (const { id, email, external_id } of [made, imported]) {
      expect(await registered().findByEmail(email)).toMatchObject({ id })
      expect(await administration().find({ email })).toMatchObject({ id })
      expect(await administration().find({ external_id: external_id ?? '' })).toMatchObject({ id })
      const asserted = createAssertedAccounts(backend.database)
      expect(await asserted.find({ external_id: external_id ?? '' })).toMatchObject({ id })
      expect(await asserted.find({ verified_email: email })).toMatchObject({ id })
    }
  })

  it('go to one of eight registrations at once', async () => {
    const email = `${randomUUID()}@example.com`
    const accounts = await Promise.all(Array.from({ length: 8 }, () => register(email)))
    expect(accounts.filter(account => account !== null)).toHaveLength(1)
  })

  it('are free once their account was deleted, also for registrations of the same moment', async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      const { id, email } = await create({ external_id: randomUUID() })
      const [gone, ...accounts] = await Promise.all([
        createAccountLife(backend.database, LIFETIMES).delete({ id, credential_epoch: 0 }),
        ...[1, 2, 3].map(() => register(email)),
      ])
      expect(gone).not.toBeNull()
      const made = accounts.filter(account => account !== null)
      expect(made.length).toBeLessThanOrEqual(1)
      const [account = await register(email)] = made
      expect(await registered().findByEmail(email)).toMatchObject({ id: account?.id })
    }
  })

  it('stay with the account of a creation that is refused, which leaves none', async () => {
    const taken = await create({ external_id: randomUUID() })
    for (const refused of [
      lineOf({ id: taken.id }),
      lineOf({ email: taken.email, external_id: randomUUID() }),
      lineOf({ external_id: taken.external_id }),
    ]) {
      expect(await administration().create(refused)).toBe(false)
      expect(
        await administration().create({ ...lineOf(), external_id: refused.external_id && randomUUID() }),
      ).toBe(true)
    }
    expect(await administration().find({ email: taken.email })).toMatchObject({ id: taken.id })
  })

  it('go with a line of an import, or stay free where the line is refused', async () => {
    const taken = await create({ external_id: randomUUID() })
    const lines = [
      lineOf({ id: taken.id, external_id: randomUUID() }),
      lineOf({ email: taken.email, external_id: randomUUID() }),
      lineOf({ external_id: taken.external_id }),
      lineOf({ external_id: randomUUID() }),
      taken,
    ]
    expect(await importLines(lines)).toEqual({
      is_new: true,
      created: 1,
      id_taken: [1],
      email_taken: [2, 5],
      external_id_taken: [3],
    })
    const again = lines.slice(0, 3).map(({ email, external_id }) => lineOf({ email, external_id }))
    const free = again.map(line => ({
      ...line,
      email: line.email === taken.email ? lineOf().email : line.email,
      external_id: line.external_id === taken.external_id ? null : line.external_id,
    }))
    expect(await importLines(free)).toMatchObject({ created: 3 })
  })

  it('go to one of several imports and registrations at once', async () => {
    const lines = Array.from({ length: 20 }, () => lineOf({ external_id: randomUUID() }))
    const others = lines.map(({ email, external_id }, at) =>
      lineOf(at % 2 === 0 ? { email } : { external_id }),
    )
    const [first, second, third] = await Promise.all([
      importLines(lines),
      importLines(others.toReversed()),
      importLines(lines.map(({ email }) => lineOf({ email }))),
      ...lines.slice(0, 5).map(({ email }) => register(email)),
    ])
    const created = [first, second, third].map(outcome => outcome?.created ?? 0)
    expect(created.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(20)
    for (const { email } of lines) expect(await administration().find({ email })).not.toBeNull()
  })

  it('of another system go to one of two accounts at once', async () => {
    const [one, other] = [await create(), await create()]
    const external_id = randomUUID()
    const set = await Promise.all(
      [one, other].map(({ id }) => administration().setExternalId(id, external_id)),
    )
    expect(new Set(set)).toEqual(new Set(['taken', true]))
    const winner = set[0] === true ? one : other
    expect(await administration().find({ external_id })).toMatchObject({ id: winner.id })
  })

  it('of another system are free once the account has another one, or none', async () => {
    const { id } = await create({ external_id: randomUUID() })
    const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()]
    const set = await Promise.all([first, second, third].map(own => administration().setExternalId(id, own)))
    expect(set).toEqual([true, true, true])
    const kept = (await administration().find({ id }))?.external_id
    const left = [first, second, third].filter(own => own !== kept)
    expect(left).toHaveLength(2)
    for (const external_id of left) await create({ external_id })
    expect(await administration().setExternalId(id, kept ?? '')).toBe(true)
    expect(await administration().setExternalId(id, null)).toBe(true)
    await create({ external_id: kept ?? '' })
    expect(await administration().setExternalId(randomUUID(), randomUUID())).toBe(false)
  })

  it('of another system change with the form of an administrator, and stay where it is refused', async () => {
    const [one, other] = [
      await create({ external_id: randomUUID() }),
      await create({ external_id: randomUUID() }),
    ]
    const external_id = randomUUID()
    const form = { id: one.id, versions: null, change: { external_id } }
    expect(await administered().change({ ...form, versions: ['another'] })).toBe('changed')
    expect(await administered().change({ ...form, change: { external_id: other.external_id } })).toBe(
      'external_id_taken',
    )
    expect(await administered().change({ ...form, id: randomUUID() })).toBe('unknown')
    expect(await administration().find({ external_id: one.external_id ?? '' })).toMatchObject({ id: one.id })
    expect(await administered().change(form)).toMatchObject({ external_id })
    expect(await administered().change(form)).toMatchObject({ external_id })
    await create({ external_id: one.external_id })
    expect(await administered().change({ ...form, change: { external_id: null } })).toMatchObject({
      external_id: null,
    })
    await create({ external_id })
  })
})
