/**
 * The files that `npm run test:citus` leaves out, each with the reason. They hold what one Postgres does by itself. Every other file of its
 * folders runs on Citus, but for suites of the embedded database and those that take a database of `createPlainDatabaseWithSchema` or
 * `createEmptyDatabase`.
 */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  'test/store/admin/plans.test.ts':
    'reads plans of one Postgres; those of the shards are not in the plan of the coordinator',
  'test/store/families/rotation-batches.test.ts':
    'counts statements that rotations share; on Citus each names its person',
  'test/store/postgres/database-url.test.ts': 'signs in as roles of one Postgres',
  'test/store/postgres/standby.test.ts': 'has a Postgres of its own with a standby',
  'test/store/postgres/database-tls.test.ts': 'has a Postgres of its own with TLS',
}
