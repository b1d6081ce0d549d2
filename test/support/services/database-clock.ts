import { callerOf, type Database } from '../database.ts'

/**
 * A connection on which statements begin at a time that the test sets: a function of its own hides `statement_timestamp` of Postgres. The
 * time limit of a statement stays real.
 */
export const openDatabaseClock = async ({ sql, ...database }: Database) => {
  await sql.unsafe(`
    create schema clock;
    create table clock.reading (at timestamptz not null);
    insert into clock.reading values (date_trunc('second', now()));
    create function clock.statement_timestamp() returns timestamptz stable language sql
      return (select at from clock.reading)`)
  const connection = await sql.reserve()
  await connection.unsafe('set search_path = clock, pg_catalog, public')
  const run: Database['run'] = query => query(connection, callerOf(connection))
  return {
    database: { ...database, run },
    advance: async (seconds: number) => {
      await connection`update clock.reading set at = at + make_interval(secs => ${seconds})`
    },
    close: () => connection.release(),
  }
}
