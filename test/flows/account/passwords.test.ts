import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PasswordDigest } from '../../../src/domain/account/password-digest.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { outcomeOf, signIn } from '../../support/accounts/account-api.ts'
import { IMPORT_PEPPER, IMPORTED_DIGESTS } from '../../support/accounts/imported-digests.ts'
import { hasPostgres } from '../../support/backends.ts'
import { type Database } from '../../support/database.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'

describe.skipIf(!hasPostgres)('passwords at the account API', () => {
  let deployment: Deployment
  let signet: Instance
  let database: Database
  beforeAll(async () => {
    deployment = await openDeployment([])
    signet = await deployment.start({
      environment: {
        PASSWORD_MIN_CHARACTERS: '10',
        PASSWORD_COST: '10',
        PASSWORD_IMPORT_PEPPER: IMPORT_PEPPER,
      },
    })
    database = deployment.database
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })
  const insert = async (email: string, digest: string) => {
    const id = uuidv7()
    await database.sql`
      insert into users (id, email, password_digest, roles)
      values (${id}, ${email}, ${digest}, '{user}')`
    // By which the account is found on Citus.
    await database.sql`
      insert into account_names (kind, value, user_id)
      values ('email', ${email}, ${id})`
  }
  const digestOf = async (email: string) => {
    const [row] = await database.sql<{ id: string; password_digest: PasswordDigest }[]>`
      select id, password_digest from users where email = ${email}`
    if (row === undefined) throw new Error('no such account')
    return row
  }

  it.each(IMPORTED_DIGESTS)(
    'sign in with an imported %s digest, which is replaced by one of ours',
    async (name, password, digest) => {
      const email = `${name.toLowerCase().replaceAll(/\W/g, '-')}@import.example`
      await insert(email, digest)
      expect(outcomeOf(await signet.ask('/auth/login', { body: { email, password: 'wrong' } }))).toBe(
        '401 AUTH_CREDENTIALS_INVALID',
      )
      expect((await digestOf(email)).password_digest).toBe(digest)
      await signIn(signet, email, { password })
      expect((await digestOf(email)).password_digest).toMatch(/^\$2b\$10\$/)
      const { access_token } = await signIn(signet, email, { password })
      expect((await signet.ask('/auth/me', { token: access_token })).status).toBe(200)
    },
  )

  it('are hashed anew only while the digest is the one that was checked', async () => {
    await insert('changed@import.example', 'another since')
    const { id } = await digestOf('changed@import.example')
    const accounts = createAccounts(database, { idle_seconds: 1, max_seconds: 1, access_token_seconds: 1 })
    await accounts.renewDigest({ id, from: 'the old one' as PasswordDigest, to: 'stale' as PasswordDigest })
    expect((await digestOf('changed@import.example')).password_digest).toBe('another since')
  })

  it.each([
    ['ninechars', 'must be 10 characters or more'],
    ['Password123', 'must not be one of the most common passwords'],
    ['newcomer-1', 'must not be made of the e-mail or the name of the product'],
  ])('are refused with a JSON pointer to the field: %s', async (password, detail) => {
    const body = { email: 'newcomer@policy.example', password }
    expect(await signet.ask('/auth/register', { body })).toMatchObject({
      status: 422,
      body: { code: 'FIELDS_INVALID', errors: [{ pointer: '#/password', detail }] },
    })
  })
})
