import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { deletePerson } from '../../../src/store/accounts/delete-person.ts'
import { createRefreshFamilies } from '../../../src/store/families/refresh-families.ts'
import { createQualify, tag } from '../../../src/store/postgres/qualify.ts'
import { createDatabaseWithSchema, hasCitus } from '../../support/backends.ts'
import { countPrepared, openSentCommands } from '../../support/citus/sent-commands.ts'
import { callerOf, type Database, openDatabase } from '../../support/database.ts'
import { LIFETIMES, presentation, type SeededFamily, seedFamily } from '../../support/families.ts'

type End = (database: Database, family: SeededFamily) => Promise<unknown>

const familiesOf = (database: Database) => createRefreshFamilies(database, LIFETIMES)

/** What each of them does ends the sign-in. */
const ENDINGS: readonly (readonly [string, End])[] = [
  [
    'of a revoked token',
    (database, { id, user_id, salt }) =>
      familiesOf(database).end({ family_id: id, user_id, salt, client_id: 'app', reason: 'revoked' }),
  ],
  [
    'of a sign-out',
    (database, { id, user_id }) => familiesOf(database).endSignIn({ id, user_id, reason: 'signed_out' }),
  ],
  ['of a forged token', (database, family) => familiesOf(database).judge(presentation(family, 1))],
  [
    'of every sign-in',
    (database, { user_id }) =>
      createAccounts(database, LIFETIMES).endEverySignIn(user_id, 'signed_out_everywhere'),
  ],
  [
    'of the account',
    (database, { user_id }) =>
      deletePerson(database, { id: user_id, credential_epoch: null, access_token_seconds: 900 }),
  ],
]

describe.skipIf(!hasCitus)('on a real Citus, the end', () => {
  const pepper = randomBytes(32).toString('base64url')
  let own: Awaited<ReturnType<typeof createDatabaseWithSchema>>
  let coordinator: ReturnType<typeof openSentCommands>
  let database: Database
  beforeAll(async () => {
    own = await createDatabaseWithSchema()
    database = openDatabase({ url: own.url, pool_size: 2 })
    await database.ping()
    coordinator = openSentCommands(own.url)
  })
  afterAll(async () => {
    await Promise.all([database.close(), coordinator.close()])
    await own.drop()
  })

  it.each(ENDINGS)('%s needs the node of the person alone, and commits in two phases', async (_, end) => {
    const family = await seedFamily({ database, pepper }, { token_version: 2 })
    const sent = await coordinator.sentBy(sql => {
      const client = tag(sql, createQualify('public')).sql
      const run: Database['run'] = async query => query(client, callerOf(client, 4, true))
      return end({ ...database, run }, family)
    })
    expect(new Set(sent.map(({ port }) => port)).size).toBe(1)
    expect(countPrepared(sent)).toBe(1)
    const [ended] = await database.sql<{ living: number; entries: number; events: number }[]>`
      select
        (
          select count(*) from refresh_families where user_id = ${family.user_id} and id = ${family.id} and revoked_at is null
        )::int as living,
        (select count(*) from revocations where kind = 'sid' and value = ${family.id})::int as entries,
        (select count(*) from events where user_id = ${family.user_id} and kind = 'sign_in.ended')::int as events`
    expect(ended).toEqual({ living: 0, entries: 1, events: 1 })
  })
})
