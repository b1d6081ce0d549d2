import { getTableName, is } from 'drizzle-orm'
import { PgTable } from 'drizzle-orm/pg-core'
import { type Database, OID } from '../postgres/index.ts'
import * as authorization from './authorization-tables.ts'
import * as clients from './client-tables.ts'
import * as deliveries from './delivery-tables.ts'
import * as devices from './device-tables.ts'
import * as events from './event-tables.ts'
import * as factors from './factor-tables.ts'
import * as identities from './identity-tables.ts'
import * as sessions from './session-tables.ts'
import * as core from './tables.ts'

/** Every table that the server reads and writes. */
export const TABLES: readonly string[] = Object.values<unknown>({
  ...core,
  ...factors,
  ...authorization,
  ...devices,
  ...clients,
  ...deliveries,
  ...events,
  ...sessions,
  ...identities,
}).flatMap(value => (is(value, PgTable) ? [getTableName(value)] : []))

type Lacking = Readonly<{ name: string; may_enter: boolean; lacking: readonly string[] }>

/** A line for each table that this role may not read and write. Otherwise a server would be ready and fail at the first request. */
export const findGrantFaults = async (
  database: Pick<Database, 'run'>,
  schema_name: string,
): Promise<readonly string[]> => {
  const rows = await database.run(
    sql => sql<Lacking[]>`
      select
        class.relname as name, has_schema_privilege(namespace.oid, 'usage') as may_enter,
        array(
          select privilege
          from unnest(array['select', 'insert', 'update', 'delete']) as privilege
          where not has_table_privilege(class.oid, privilege)
        ) as lacking
      from pg_class as class
      join pg_namespace as namespace on namespace.oid = class.relnamespace
      where namespace.nspname = ${schema_name} and class.relname = any(${sql.typed([...TABLES], OID.text_array)}::text[])
      order by class.relname`,
  )
  const there = new Set(rows.map(({ name }) => name))
  const isShut = rows.some(({ may_enter }) => !may_enter)
  return [
    ...(isShut
      ? [`DATABASE_URL: the role lacks usage on schema ${schema_name}: see Roles in docs/deploy.md`]
      : []),
    ...TABLES.filter(name => !there.has(name)).map(
      name =>
        `DATABASE_URL: there is no table ${schema_name}.${name}, although its migration was applied; restore it from a backup`,
    ),
    ...rows
      .filter(({ lacking }) => lacking.length > 0)
      .map(
        ({ name, lacking }) =>
          `DATABASE_URL: the role lacks ${lacking.join(', ')} on ${schema_name}.${name}: see Roles in docs/deploy.md`,
      ),
  ]
}
