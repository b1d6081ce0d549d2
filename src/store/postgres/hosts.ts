import postgres, { type Sql } from 'postgres'
import { type PostgresHost, type PostgresTarget, readPostgresUrl } from '../../domain/base/postgres-url.ts'
import { StartFault } from '../../domain/base/start-fault.ts'

/** Where a Postgres listens, or may after a failover. */
export type Address = Readonly<{ host: string; port: number } | { path: string }>

export type DatabasePlace = Readonly<{
  url: string
  /** The Unix socket of the embedded database. */
  path?: string
}>

/** What the URL leaves out is as the driver reads it: PGHOST, which may be a directory, and PGPORT. */
export const addressesOf = ({ url, path }: DatabasePlace): readonly [Address, ...Address[]] => {
  if (path !== undefined) return [{ path }]
  const standard = postgres().options
  const [standardPort = 5432] = standard.port
  const toAddress = ({ host, port }: PostgresHost): Address =>
    host.startsWith('/')
      ? { path: `${host}/.s.PGSQL.${port ?? standardPort}` }
      : { host, port: port ?? standardPort }
  const [first, ...others] = targetOf(url).hosts.map(toAddress)
  if (first !== undefined) return [first, ...others]
  return standard.path
    ? [{ path: standard.path }]
    : [{ host: standard.host[0] ?? 'localhost', port: standardPort }]
}

/**
 * Which address of several the next connection leads to. One is kept until it is of no use: a connection that merely ends, for its
 * age or idleness, leads to no standby.
 */
export type HostRing = Readonly<{
  size: number
  current: () => Address
  /** Counts the addresses that proved to be of no use. */
  turn: () => number
  /** What was opened in this turn is of no use. */
  failOver: (turn: number | undefined) => void
}>

export const createHostRing = (addresses: readonly [Address, ...Address[]]): HostRing => {
  let turn = 0
  return {
    size: addresses.length,
    current: () => addresses[turn % addresses.length] ?? addresses[0],
    turn: () => turn,
    failOver: opened => {
      if (opened === turn) turn++
    },
  }
}

/** The settings have judged the URL; other callers that open a database hear of a fault in it here. */
const targetOf = (url: string): PostgresTarget => {
  const read = readPostgresUrl(url)
  if ('fault' in read) throw new StartFault([`DATABASE_URL ${read.fault}`])
  return read.target
}

/**
 * What the URL says, as options of the driver, which must not read it itself: readPostgresUrl tells why. `prepare` serves a
 * PgBouncer before 1.21 in transaction mode.
 */
export const connectionOptions = (url: string, address: Address) => {
  const { user, password, database, sslmode, isTlsDirect, isPreparing, startup } = targetOf(url)
  return {
    ...(user === null ? {} : { user }),
    ...(password === null ? {} : { password }),
    ...(database === null ? {} : { database }),
    // A socket of this machine needs none.
    ...('path' in address || sslmode === null ? {} : { ssl: SSL[sslmode] }),
    ...(isTlsDirect ? { sslnegotiation: 'direct' as const } : {}),
    prepare: isPreparing,
    startup,
  }
}

const SSL = {
  disable: false,
  prefer: 'prefer',
  require: 'require',
  'verify-ca': { rejectUnauthorized: true, checkServerIdentity: () => undefined },
  'verify-full': 'verify-full',
} as const

/** What a standby answers to a read may be old, and only a write would be refused there. */
export const isStandby = async (sql: Sql): Promise<boolean> =>
  (await sql`select where pg_is_in_recovery()`).length > 0
