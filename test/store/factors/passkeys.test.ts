import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFactors } from '../../../src/store/factors/factors.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import type { Database } from '../../support/database.ts'
import { LIFETIMES } from '../../support/families.ts'

const ROUNDS = 10

/** The requests race on connections of one pool, as those of two instances do: nothing of an account is in the memory of an instance. */
describe.each(backends)('the passkeys of accounts ($name)', ({ open }) => {
  let backend: OpenBackend
  let database: Database
  let factors: ReturnType<typeof createFactors>
  beforeAll(async () => {
    backend = await open()
    database = backend.database
    factors = createFactors(database, LIFETIMES)
  })
  afterAll(() => backend.close())

  const newId = () => randomBytes(16).toString('base64url')
  const createPerson = async () => {
    const id = randomUUID()
    await database.sql`insert into users (id, email, roles) values (${id}, ${id}, '{}')`
    return id
  }
  const epochOf = async (id: string) => {
    const [user] = await database.sql<{ credential_epoch: number }[]>`
      select credential_epoch from users where id = ${id}`
    return user?.credential_epoch ?? -1
  }
  const add = async (account_id: string, id: string) =>
    factors.addPasskey({
      account_id,
      credential_epoch: await epochOf(account_id),
      keep: null,
      passkey: {
        id,
        public_key: randomBytes(64),
        counter: 0,
        transports: [],
        backup_eligible: false,
        backed_up: false,
      },
      label: 'key',
      recovery: [],
    })
  const remove = async (account_id: string, id: string) =>
    factors.removePasskey({ account_id, credential_epoch: await epochOf(account_id), keep: null, id })
  const ownerOf = async (id: string) => (await factors.findOwner(id))?.id ?? null

  it('lead to the account that has them, until they are removed', async () => {
    const [ada, eve, id] = [await createPerson(), await createPerson(), newId()]
    expect([await factors.hasPasskey(id), await ownerOf(id)]).toEqual([false, null])
    expect(await add(ada, id)).toEqual({ ended: [], isRecoveryGiven: false })
    expect([await factors.hasPasskey(id), await ownerOf(id)]).toEqual([true, ada])
    expect(await remove(eve, id)).toBeNull()
    expect(await ownerOf(id)).toBe(ada)
    expect(await remove(ada, id)).toEqual([])
    expect([await factors.hasPasskey(id), await ownerOf(id)]).toEqual([false, null])
    expect(await add(eve, id)).not.toBeNull()
    expect(await ownerOf(id)).toBe(eve)
  })

  it('are not added twice, and the sign-ins of the account that asks are ended all the same', async () => {
    const [ada, eve, id] = [await createPerson(), await createPerson(), newId()]
    await add(ada, id)
    expect(await add(ada, id)).toBeNull()
    expect(await add(eve, id)).toBeNull()
    expect([await epochOf(ada), await epochOf(eve)]).toEqual([2, 1])
    expect(await ownerOf(id)).toBe(ada)
    expect((await factors.find(eve)).passkeys).toEqual([])
  })

  it('stay free when the credentials of the account have changed', async () => {
    const [ada, id] = [await createPerson(), newId()]
    const asked = add(ada, id)
    await Promise.all([database.sql`update users set credential_epoch = 7 where id = ${ada}`, asked])
    const added = await asked
    expect(await ownerOf(id)).toBe(added === null ? null : ada)
    const eve = await createPerson()
    expect((await add(eve, id)) === null).toBe(added !== null)
  })

  it('have one account in a race of several', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const people = await Promise.all([1, 2, 3].map(createPerson))
      const id = newId()
      const outcomes = await Promise.all(people.map(person => add(person, id)))
      const owners = people.filter((_, at) => outcomes[at] !== null)
      expect(owners).toEqual([await ownerOf(id)])
      expect(await Promise.all(people.map(epochOf))).toEqual([1, 1, 1])
    }
  })

  it('go to another account only after they are removed, in a race of both', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const [ada, eve, id] = [await createPerson(), await createPerson(), newId()]
      await add(ada, id)
      const [removed, added] = await Promise.all([remove(ada, id), add(eve, id)])
      expect(removed).toEqual([])
      expect(await ownerOf(id)).toBe(added === null ? null : eve)
    }
  })
})
