import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PasswordDigest } from '../../../src/domain/account/password-digest.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { createIdentities } from '../../../src/store/identities/identities.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import type { Database } from '../../support/database.ts'
import { LIFETIMES } from '../../support/families.ts'

const ISSUER = 'https://provider.example'
const password_digest = `$2b$10$${'.'.repeat(53)}` as PasswordDigest
const ROUNDS = 10

/** The requests race on connections of one pool, as those of two instances do: nothing of an account is in the memory of an instance. */
describe.each(backends)('the identities of accounts ($name)', ({ open }) => {
  let backend: OpenBackend
  let database: Database
  let identities: ReturnType<typeof createIdentities>
  beforeAll(async () => {
    backend = await open()
    database = backend.database
    identities = createIdentities(database, LIFETIMES)
  })
  afterAll(() => backend.close())

  const newEmail = () => `${randomUUID()}@example.com`
  const newIdentity = () => ({ issuer: ISSUER, subject: randomUUID() })
  type Identity = ReturnType<typeof newIdentity>

  const createPerson = async (): Promise<string> => {
    const id = randomUUID()
    await database.sql`insert into users (id, email, roles) values (${id}, ${id}, '{}')`
    return id
  }
  const link = (account_id: string, identity: Identity) =>
    identities.link({ ...identity, account_id, credential_epoch: 0, id: randomUUID(), email: null })
  const createAccount = (identity: Identity, email = newEmail()) =>
    identities.createAccount({
      ...identity,
      id: randomUUID(),
      identity_id: randomUUID(),
      email,
      isEmailVerified: true,
      roles: [],
      language: 'en',
      profile: {},
    })
  const ownerOf = async (identity: Identity) => (await identities.findOwner(identity))?.id ?? null
  const unlink = async (account_id: string, credential_epoch = 0) => {
    const [linked] = await identities.list(account_id)
    const given = { account_id, credential_epoch, id: linked?.id ?? randomUUID(), keep: null }
    return identities.unlink({ ...given, issuers: [] })
  }
  const givePassword = (id: string) =>
    database.sql`update users set password_digest = ${password_digest} where id = ${id}`
  const isLinked = (outcome: string | null) => outcome === 'linked'

  it('lead to the account that they are linked to, until they are unlinked', async () => {
    const [ada, eve] = [await createPerson(), await createPerson()]
    const identity = newIdentity()
    expect(await ownerOf(identity)).toBeNull()
    expect(await link(ada, identity)).toBe('linked')
    expect(await ownerOf(identity)).toBe(ada)
    expect(await link(ada, identity)).toBe('taken')
    expect(await link(eve, identity)).toBe('taken')
    expect(await createAccount(identity)).toBe('taken')
    expect(await unlink(ada)).toBeNull()
    expect(await ownerOf(identity)).toBe(ada)
    await givePassword(ada)
    // The unlinking that was refused has ended the other sign-ins all the same.
    expect(await unlink(ada, 1)).toEqual([])
    expect(await ownerOf(identity)).toBeNull()
    expect(await link(eve, identity)).toBe('linked')
    expect(await ownerOf(identity)).toBe(eve)
  })

  it('are not linked to an account in another epoch, and stay free', async () => {
    const id = await createPerson()
    await database.sql`update users set credential_epoch = 1 where id = ${id}`
    const identity = newIdentity()
    expect(await link(id, identity)).toBeNull()
    expect(await ownerOf(identity)).toBeNull()
    expect(await createAccount(identity)).toMatchObject({ credential_epoch: 0 })
  })

  it('make one account, whose address and identity no other one gets', async () => {
    const [identity, email] = [newIdentity(), newEmail()]
    const made = await createAccount(identity, email)
    expect(made).toMatchObject({ email })
    const accounts = createAccounts(database, LIFETIMES)
    expect((await accounts.findByEmail(email))?.id).toBe(await ownerOf(identity))
    const other = newEmail()
    expect(await createAccount(identity, other)).toBe('taken')
    expect(await accounts.findByEmail(other)).toBeNull()
    const second = newIdentity()
    expect(await createAccount(second, email)).toBe('taken')
    expect(await ownerOf(second)).toBeNull()
  })

  it('make one account in a race of accounts with one identity, or with one address', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const [identity, email] = [newIdentity(), newEmail()]
      const ofIdentity = await Promise.all([1, 2, 3].map(() => createAccount(identity)))
      const ofAddress = await Promise.all([1, 2, 3].map(() => createAccount(newIdentity(), email)))
      for (const outcomes of [ofIdentity, ofAddress])
        expect(outcomes.filter(outcome => outcome !== 'taken')).toHaveLength(1)
    }
  })

  it('have one account in a race of two accounts and a new one', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const people = [await createPerson(), await createPerson()]
      const identity = newIdentity()
      const [made, ...linked] = await Promise.all([
        createAccount(identity),
        ...people.map(id => link(id, identity)),
      ])
      const owners = [
        ...(made === 'taken' ? [] : [made.id]),
        ...people.filter((_, at) => isLinked(linked[at] ?? null)),
      ]
      expect(owners).toEqual([await ownerOf(identity)])
      expect(linked.every(outcome => outcome === 'linked' || outcome === 'taken')).toBe(true)
    }
  })

  it('make no second account in a race with a registration of the address', async () => {
    const accounts = createAccounts(database, LIFETIMES)
    for (let round = 0; round < ROUNDS; round++) {
      const [identity, email, id] = [newIdentity(), newEmail(), randomUUID()]
      const [made, registered] = await Promise.all([
        createAccount(identity, email),
        accounts.create({ id, email, password_digest, roles: [], language: 'en' }),
      ])
      expect((made === 'taken') !== (registered === null)).toBe(true)
      expect((await accounts.findByEmail(email))?.id).toBe(made === 'taken' ? id : made.id)
      expect(await ownerOf(identity)).toBe(made === 'taken' ? null : made.id)
    }
  })

  it('go to another account only after they are unlinked, in a race of both', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const [ada, eve] = [await createPerson(), await createPerson()]
      await givePassword(ada)
      const identity = newIdentity()
      await link(ada, identity)
      const [unlinked, linked] = await Promise.all([unlink(ada), link(eve, identity)])
      expect(unlinked).toEqual([])
      expect(['linked', 'taken']).toContain(linked)
      expect(await ownerOf(identity)).toBe(linked === 'linked' ? eve : null)
    }
  })
})
