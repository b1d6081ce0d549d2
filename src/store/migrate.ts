import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'

const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))

/** Brings the schema up to date. Safe when several replicas start at once: they take turns. */
export const migrate = async ({ url, path }: { url: string; path?: string }): Promise<void> => {
  const sql = postgres(url, { max: 1, onnotice: () => {}, ...(path === undefined ? {} : { path }) })
  try {
    await sql`select pg_advisory_lock(5372697473)`
    await runMigrations(drizzle(sql), { migrationsFolder: MIGRATIONS })
  } finally {
    await sql.end({ timeout: 5 })
  }
}
