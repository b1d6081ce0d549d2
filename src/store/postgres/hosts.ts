import postgres, { type Sql } from 'postgres'
import { type PostgresHost, type PostgresTarget, readPostgresUrl } from '../../domain/base/postgres-url.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import type { HostIdentity } from '../timelines/timelines.ts'
import { isOutage } from './outage.ts'

/** The address of a Postgres, or of a host that may become the primary. */
export type Address = Readonly<{ host: string; port: number } | { path: string }>

export type DatabasePlace = Readonly<{
  url: string
  /** The Unix socket of the embedded database. */
  path?: string
}>

/** The addresses of the URL. Parts that it leaves out come from the driver: PGHOST, which may be a directory, and PGPORT. */
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
 * The address of the next connection. An address is kept until it proves to be of no use: the end of a connection for its age or idleness
 * does not mean that the host has become a standby.
 */
export type HostRing = Readonly<{
  size: number
  current: () => Address
  /** The count of addresses that proved to be of no use. */
  turn: () => number
  /** The address of this turn is of no use. */
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

/** Throws a StartFault for a faulty URL, for callers that have not read it from the settings. */
const targetOf = (url: string): PostgresTarget => {
  const read = readPostgresUrl(url)
  if ('fault' in read) throw new StartFault([`DATABASE_URL ${read.fault}`])
  return read.target
}

/**
 * The URL as options of the driver, which must not parse the URL itself (see readPostgresUrl). `prepare=false` is for a PgBouncer before
 * 1.21 in transaction mode.
 */
export const connectionOptions = (url: string, address: Address) => {
  const { user, password, database, sslmode, isTlsDirect, isPreparing, startup } = targetOf(url)
  return {
    ...(user === null ? {} : { user }),
    ...(password === null ? {} : { password }),
    ...(database === null ? {} : { database }),
    // A Unix socket needs no TLS.
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

/** The address as text, for the log. */
export const describeAddress = (address: Address): string =>
  'path' in address ? address.path : `${address.host}:${address.port}`

/** `has_citus`: the database has the extension. Whether tables are distributed is told by `askIsDistributed`. */
type Identity = HostIdentity & Readonly<{ has_citus: boolean }>

export type Identify = (sql: Sql) => Promise<Identity>

/**
 * Asks a host what it is, in one statement. A question that a database refuses, because it lacks one of the functions or lets the role not
 * call it, is not asked again: the database is used without what it does not tell. Any other error counts for this connection alone:
 * pg_control_system() may read its file while Postgres writes it.
 */
export const createIdentify = ({ path }: Pick<DatabasePlace, 'path'>): Identify => {
  // The files of the embedded database have no other server.
  let questions = path === undefined ? QUESTIONS : QUESTIONS.slice(-1)
  const ask = async (sql: Sql, [question, ...others]: readonly Question[]): Promise<Identity> => {
    if (question === undefined) throw new Error('no question is left')
    try {
      const [told] = await question(sql)
      if (told === undefined) throw new Error('a host without a row')
      return parseIdentity(told)
    } catch (fault) {
      if (!isOfStatement(fault) || others.length === 0) throw fault
      if (isRefusal(fault)) questions = questions.filter(each => each !== question)
      return ask(sql, others)
    }
  }
  return sql => ask(sql, questions)
}

/** The timeline is the start of the name of the file that is being written, eight hexadecimal digits. */
type Told = Readonly<{
  is_standby: boolean
  has_citus: boolean
  timeline?: string | null
  system?: string | null
}>

type Question = (sql: Sql) => Promise<readonly Told[]>

/** On a standby reads may be stale, and only writes are refused. pg_control_checkpoint() would tell a new timeline too late. */
const QUESTIONS: readonly Question[] = [
  sql => sql<Told[]>`
    select
      pg_is_in_recovery() as is_standby,
      exists (select from pg_extension where extname = 'citus') as has_citus,
      case
        when not pg_is_in_recovery()
          then substring(pg_walfile_name(pg_current_wal_lsn()) for 8)
      end as timeline,
      system_identifier::text as system
    from pg_control_system()`,
  sql => sql<Told[]>`
    select
      pg_is_in_recovery() as is_standby,
      exists (select from pg_extension where extname = 'citus') as has_citus,
      case
        when not pg_is_in_recovery()
          then substring(pg_walfile_name(pg_current_wal_lsn()) for 8)
      end as timeline`,
  sql => sql<Told[]>`
    select
      pg_is_in_recovery() as is_standby,
      exists (select from pg_extension where extname = 'citus') as has_citus`,
]

const parseIdentity = ({ is_standby, has_citus, timeline = null, system = null }: Told): Identity => ({
  is_standby,
  has_citus,
  timeline: timeline !== null && /^[\dA-F]{8}$/.test(timeline) ? Number.parseInt(timeline, 16) : null,
  system,
})

/** True where the database has answered, and refuses this statement. */
const isOfStatement = (fault: unknown): fault is postgres.PostgresError =>
  fault instanceof postgres.PostgresError && !isOutage(fault.code)

/** SQLSTATE classes 42 (no such function, or no right to call it) and 0A (not supported). */
const isRefusal = ({ code }: postgres.PostgresError): boolean => /^(?:42|0A)/.test(code)

/**
 * True where Citus spreads the tables of the schema over nodes: accounts are the first to be distributed. Only for a database with the
 * extension, since the catalog of Citus is no table elsewhere. It has plain tables too, by another method than the hash.
 */
export const askIsDistributed = async (sql: Sql): Promise<boolean> => {
  const rows = await sql`
    select
    from pg_catalog.pg_dist_partition
    where logicalrelid = to_regclass('signet.users') and partmethod = 'h'`
  return rows.length > 0
}
