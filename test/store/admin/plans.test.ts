import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AccountSelection } from '../../../src/ports/administration.ts'
import { createAdministeredAccounts } from '../../../src/store/admin/administered-accounts.ts'
import { createAdministeredSignIns } from '../../../src/store/admin/administered-sign-ins.ts'
import type { Database as Pool } from '../../../src/store/postgres/database.ts'
import { createDatabaseWithSchema, hasPostgres, type OwnDatabase } from '../../support/backends.ts'
import { type Database, openDatabase } from '../../support/database.ts'
import { LIFETIMES } from '../../support/families.ts'
import { explain, PLAN_MODES, readBy, scansOf } from '../../support/plans.ts'

const ROWS = Number(process.env['SIGNET_TEST_ACCOUNTS'] ?? 20_000)
const LIMIT = 51
/** Rows of a table that a page may read, at most: those that its statement looks at before it keeps LIMIT of them. */
const READ_MOST = 201

const idAt = (variant: string, n: number) =>
  `018f0000-0000-7000-${variant}-${n.toString(16).padStart(12, '0')}`

/**
 * The sign-ins of the person who has half of them. One plan for all people takes the index of `user_id` alone, for as long as the table has
 * it beside the index of `user_id` and `id`, and then sorts them all.
 */
const MANY_OF_PERSON = `sign-ins, ${JSON.stringify({ sub: idAt('8000', 1) })}`

/** Each list with each filter: its first page, and one from the middle. */
const PAGES: readonly (readonly [name: string, read: (database: Pool) => Promise<readonly unknown[]>])[] = [
  ...(['all', 'disabled', 'administrators', 'viewers', { email_prefix: 'person' }] as const).flatMap(
    (selection: AccountSelection) =>
      [null, typeof selection === 'object' ? 'person5' : idAt('8000', 3 * (ROWS / 4))].map(
        after =>
          [
            `accounts, ${JSON.stringify(selection)}, after ${after}`,
            (database: Pool) =>
              createAdministeredAccounts(database, LIFETIMES).list({ selection, after, limit: LIMIT }),
          ] as const,
      ),
  ),
  ...[
    null,
    { client_id: 'large' },
    { client_id: 'client7' },
    { sub: idAt('8000', 1) },
    { sub: idAt('8000', 3) },
  ].flatMap(of =>
    [null, idAt('9000', ROWS / 2)].map(
      after =>
        [
          `sign-ins, ${JSON.stringify(of)}, after ${after}`,
          (database: Pool) => createAdministeredSignIns(database).list({ of, after, limit: LIMIT }),
        ] as const,
    ),
  ),
]

describe.skipIf(!hasPostgres)('the lists of the administration', () => {
  let own: OwnDatabase
  let database: Database
  beforeAll(async () => {
    own = await createDatabaseWithSchema()
    database = openDatabase({ url: own.url, pool_size: 1, answer_seconds: 120 })
    await database.run(
      sql => sql`
        insert into signet.users (id, email, roles, disabled_at)
        select
          ('018f0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'person' || n || '@plan.example',
          case n % 5000 when 0 then '{signet:admin}'::text[] when 1 then '{signet:viewer}' else '{user}' end,
          case when n % 1000 = 0 then now() end
        from generate_series(1, ${ROWS}::int) n`,
    )
    await database.run(
      sql => sql`
        insert into signet.refresh_families (
          id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
          idle_expires_at, expires_at
        )
        select
          ('018f0000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid,
          ('018f0000-0000-7000-8000-' || lpad(to_hex(case when n % 2 = 0 then 1 else n end), 12, '0'))::uuid,
          0, case when n % 3 = 0 then 'large' else 'client' || n % 1000 end, 'read', '{a}', now(), '{pwd}', '\\x00', 0,
          '\\x00', now() + interval '1 day', now() + interval '1 day'
        from generate_series(1, ${ROWS}::int) n`,
    )
    await database.run(sql => sql`analyze signet.users`)
    await database.run(sql => sql`analyze signet.refresh_families`)
  }, 300_000)
  afterAll(async () => {
    await database.close()
    await own.drop()
  })

  describe.each(PLAN_MODES)('with %s', mode => {
    it.each(PAGES.filter(([name]) => !(mode === 'force_generic_plan' && name.startsWith(MANY_OF_PERSON))))(
      '%s: reads a page of an index, and no more',
      async (_, read) => {
        const nodes = await explain(database.sql, { mode, read })
        expect(nodes.filter(node => node['Node Type'] === 'Seq Scan')).toEqual([])
        const scans = scansOf(nodes)
        expect(scans.length).toBeGreaterThan(0)
        expect(scans.filter(scan => readBy([scan]) > READ_MOST)).toEqual([])
      },
    )
  })
})
