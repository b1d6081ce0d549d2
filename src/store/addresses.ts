import postgres, { type Sql } from 'postgres'
import { readPostgresUrl } from '../domain/postgres-url.ts'

/** Where a Postgres listens, or may after a failover. */
export type Address = Readonly<{ host: string; port: number } | { path: string }>

export type Place = Readonly<{
  url: string
  /** The Unix socket of the embedded database. */
  path?: string
}>

/** What the URL leaves out is as the driver reads it: PGHOST, which may be a directory, and PGPORT. */
export const addressesOf = ({ url, path }: Place): readonly [Address, ...Address[]] => {
  const standard = postgres('postgres://').options
  const hosts = readPostgresUrl(url)?.hosts ?? []
  const socket = path ?? (hosts.length === 0 ? standard.path : undefined)
  if (socket) return [{ path: socket }]
  const [standardHost = 'localhost'] = standard.host
  const [standardPort = 5432] = standard.port
  const [first = { host: standardHost, port: standardPort }, ...others] = hosts.map(({ host, port }) => ({
    host,
    port: port ?? standardPort,
  }))
  return [first, ...others]
}

/** What a standby answers to a read may be old, and only a write would be refused there. */
export const isStandby = async (sql: Sql): Promise<boolean> =>
  (await sql`select where pg_is_in_recovery()`).length > 0
