import postgres, { type Sql } from 'postgres'

export type Database = Readonly<{
  sql: Sql
  run: <T>(query: (sql: Sql) => Promise<T>) => Promise<T>
  ping: () => Promise<void>
  close: () => Promise<void>
}>

export const openDatabase = ({
  url,
  path,
  pool_size,
}: {
  url: string
  path?: string
  pool_size: number
}): Database => {
  const sql = postgres(url, { max: pool_size, onnotice: () => {}, ...(path === undefined ? {} : { path }) })
  return {
    sql,
    run: query => query(sql),
    ping: async () => {
      await sql`select 1`
    },
    close: () => sql.end({ timeout: 5 }),
  }
}
