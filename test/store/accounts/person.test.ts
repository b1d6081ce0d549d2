import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import { createUser, LIFETIMES } from '../../support/families.ts'

describe.each(backends)('the claims of a person for applications, on $name', ({ open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  const createPerson = () => createUser({ database: backend.database, pepper: '' })
  const find = (id: string) => createAccounts(backend.database, LIFETIMES).findPerson(id)

  it('has an e-mail and nothing else at first, and was updated when the account was made', async () => {
    const id = await createPerson()
    const [row] = await backend.database.sql<
      { created_at: Date }[]
    >`select created_at from users where id = ${id}`
    expect(await find(id)).toEqual({
      id,
      email: `${id}@example.com`,
      email_verified_at: null,
      name: null,
      given_name: null,
      family_name: null,
      preferred_username: null,
      picture: null,
      locale: null,
      zoneinfo: null,
      updated_at: row?.created_at,
    })
  })

  it('has the claims of the profile, and when one of them was changed', async () => {
    const [id, bystander] = [await createPerson(), await createPerson()]
    await backend.database.sql`
      update users
      set name = 'Ada', picture = 'https://a.example/1', zoneinfo = 'Europe/Berlin', profile_updated_at = '2026-02-03Z'
      where id = ${id}`
    expect(await find(id)).toMatchObject({
      name: 'Ada',
      picture: 'https://a.example/1',
      zoneinfo: 'Europe/Berlin',
      updated_at: new Date('2026-02-03Z'),
    })
    expect(await find(bystander)).toMatchObject({ name: null })
  })

  it('is none of a disabled account, and of one that is not there', async () => {
    const id = await createPerson()
    await backend.database.sql`update users set disabled_at = now() where id = ${id}`
    expect(await find(id)).toBeNull()
    expect(await find(uuidv7())).toBeNull()
  })
})
