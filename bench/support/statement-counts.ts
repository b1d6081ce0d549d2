import type { Sql } from 'postgres'

export const forgetStatements = (sql: Sql) => sql`select pg_stat_statements_reset()`

/** The statements that the server has sent since then, including the few of its sweeps and probes. */
export const countStatements = async (sql: Sql): Promise<number> => {
  const [row] = await sql<{ calls: number }[]>`
    select sum(calls)::float8 as calls
    from pg_stat_statements
    where dbid = (select oid from pg_database where datname = current_database())
      and query not like '%pg_stat%'`
  return row?.calls ?? 0
}
