import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { migrate } from '../../../src/store/migrations/migrate.ts'

/** The URL of another database on the same server. */
export const withDatabase = (url: string, name: string): string => {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}

/** Makes a database with the whole schema. Returns its name. */
export const createMigratedDatabase = async (url: string): Promise<string> => {
  const name = await createFrom(url, 'template0')
  await migrate({ url: withDatabase(url, name), months_ahead: 0 })
  return name
}

/** Copies a database, which must have no connections. Returns the name of the copy. */
export const createFrom = async (url: string, template: string): Promise<string> => {
  const name = `signet_test_${randomBytes(8).toString('hex')}`
  await asAdmin(url, sql => sql`create database ${sql(name)} template ${sql(template)}`)
  return name
}

export const dropDatabase = (url: string, name: string): Promise<unknown> =>
  asAdmin(url, sql => sql`drop database if exists ${sql(name)} with (force)`)

const asAdmin = async (url: string, statement: (sql: postgres.Sql) => Promise<unknown>) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    return await statement(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
