import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { createRefreshFamilies } from '../../../src/store/families/refresh-families.ts'
import { createQualify, tag } from '../../../src/store/postgres/qualify.ts'
import { createDatabaseWithSchema, hasCitus } from '../../support/backends.ts'
import { callerOf, type Database, openDatabase } from '../../support/database.ts'
import { LIFETIMES, presentation, type SeededFamily, seedFamily } from '../../support/families.ts'

type Sent = Readonly<{ command: string; node: string }>
type Verbs = ReturnType<typeof createRefreshFamilies> &
  Pick<ReturnType<typeof createAccounts>, 'endEverySignIn'>

/** Each ends the sign-in. */
const ENDINGS: readonly (readonly [string, (verbs: Verbs, family: SeededFamily) => Promise<unknown>])[] = [
  [
    'of a revoked token',
    (verbs, { id, user_id, salt }) =>
      verbs.end({ family_id: id, user_id, salt, client_id: 'app', reason: 'revoked' }),
  ],
  ['of a sign-out', (verbs, { id, user_id }) => verbs.endSignIn({ id, user_id, reason: 'signed_out' })],
  ['of a forged token', (verbs, family) => verbs.judge(presentation(family, 1))],
  ['of every sign-in', (verbs, { user_id }) => verbs.endEverySignIn(user_id, 'signed_out_everywhere')],
]

describe.skipIf(!hasCitus)('on a real Citus, the end', () => {
  const pepper = randomBytes(32).toString('base64url')
  /** What the coordinator sends to the workers, while it tells. */
  const sent: Sent[] = []
  let own: Awaited<ReturnType<typeof createDatabaseWithSchema>>
  let sql: postgres.Sql
  let database: Database
  beforeAll(async () => {
    own = await createDatabaseWithSchema()
    database = openDatabase({ url: own.url, pool_size: 2 })
    await database.ping()
    sql = postgres(own.url, {
      max: 1,
      fetch_types: false,
      onnotice: ({ message = '', detail = '' }) => {
        const [, node] = /^on server \S+:(\d+)/.exec(detail) ?? []
        if (node !== undefined) sent.push({ command: message, node })
      },
    })
  })
  afterAll(async () => {
    await Promise.all([database.close(), sql.end({ timeout: 5 })])
    await own.drop()
  })

  it.each(ENDINGS)('%s needs the node of the person alone, and commits in two phases', async (_, end) => {
    const family = await seedFamily({ database, pepper }, { token_version: 2 })
    const client = tag(sql, createQualify('public')).sql
    const told: Database = { ...database, run: async query => query(client, callerOf(client, 4, true)) }
    sent.length = 0
    await sql`set citus.log_remote_commands = on`
    const { endEverySignIn } = createAccounts(told, LIFETIMES)
    await end({ ...createRefreshFamilies(told, LIFETIMES), endEverySignIn }, family)
    await sql`set citus.log_remote_commands = off`
    expect(new Set(sent.map(({ node }) => node)).size).toBe(1)
    expect(sent.filter(({ command }) => command.startsWith('issuing PREPARE TRANSACTION'))).toHaveLength(1)
    const [ended] = await database.sql<{ reason: string; entries: number; events: number }[]>`
      select
        (select revoke_reason from refresh_families where user_id = ${family.user_id} and id = ${family.id}) as reason,
        (select count(*) from revocations where kind = 'sid' and value = ${family.id})::int as entries,
        (select count(*) from events where user_id = ${family.user_id} and kind = 'sign_in.ended')::int as events`
    expect(ended).toMatchObject({ reason: expect.any(String), entries: 1, events: 1 })
  })
})
