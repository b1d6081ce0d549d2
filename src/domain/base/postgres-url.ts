/** The schema of a new database. Default of DATABASE_SCHEMA; the embedded database has no other. */
export const DEFAULT_SCHEMA = 'public'

export type PostgresHost = Readonly<{
  /** A name, an address, or the directory of a Unix socket. */
  host: string
  port: number | null
}>

/** The encryption of a connection, and the check of the server's certificate. */
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'

/** A connection URI, decoded. Null for each part that the URI leaves out. */
export type PostgresTarget = Readonly<{
  /** Empty: the driver's default. */
  hosts: readonly PostgresHost[]
  user: string | null
  password: string | null
  database: string | null
  sslmode: SslMode | null
  isTlsDirect: boolean
  isPreparing: boolean
  /** Startup parameters, sent to the server unchanged. */
  startup: Readonly<Record<string, string>>
}>

/** The rest of a message that begins with the setting's name. Repeats no part of the text, which is a secret. */
type Fault = Readonly<{ fault: string }>

/**
 * PostgreSQL, "Connection URIs" – Parsed here and not by the driver: postgres.js 3.4.9 does not decode the database name, throws at a
 * lone `%`, takes one host only, and sends each unknown parameter to the server, which then ends the connection.
 */
export const readPostgresUrl = (text: string): Readonly<{ target: PostgresTarget }> | Fault => {
  const [whole, credentials, authority = '', path = '', query = ''] = URI.exec(text.trim()) ?? []
  if (whole === undefined) return { fault: `must be ${SHAPE}` }
  if (!isDecodable(text))
    return { fault: 'has a % that encodes no character: write %25 for a percent sign itself' }
  if (/[/@]/.test(path)) return { fault: `must be ${SHAPE}` }
  const parameters = readParameters(query)
  const refused = refusalOf(parameters, query.includes('@'))
  if (refused !== null) return { fault: refused }
  const hosts = readHosts(authority || encodeHosts(parameters))
  if (hosts === null) return { fault: `must be ${SHAPE}` }
  const [user, ...password] = (credentials ?? '').split(':')
  return {
    target: {
      hosts,
      user: decoded(user) ?? parameters.get('user') ?? null,
      password: decoded(password.join(':')) ?? parameters.get('password') ?? null,
      database: decoded(path) ?? parameters.get('dbname') ?? null,
      sslmode: sslmodeOf(parameters),
      isTlsDirect: parameters.get('sslnegotiation') === 'direct',
      isPreparing: parameters.get('prepare') !== 'false',
      startup: Object.fromEntries([...parameters].filter(([name]) => STARTUP.has(name))),
    },
  }
}

const URI = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/
const SHAPE = 'a URL such as postgres://user:password@db1:5432,db2/name, what it names percent-encoded'
const HOST = /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i

const isDecodable = (text: string): boolean => {
  try {
    return !decodeURIComponent(text).includes('\0')
  } catch {
    return false
  }
}

const decoded = (text: string | undefined): string | null => (text ? decodeURIComponent(text) : null)

const readHosts = (list: string): readonly PostgresHost[] | null => {
  const hosts = list === '' ? [] : list.split(',').map(readHost)
  return isWhole(hosts) ? hosts : null
}

const readHost = (text: string): PostgresHost | null => {
  const [, address, name, digits] = HOST.exec(text) ?? []
  const host = decoded(address ?? name)
  const port = digits === undefined ? null : Number(digits)
  if (host === null || (port !== null && (port < 1 || port > 65_535))) return null
  return { host, port }
}

const isWhole = (hosts: readonly (PostgresHost | null)[]): hosts is readonly PostgresHost[] =>
  !hosts.includes(null)

type Parameters = ReadonlyMap<string, string>

const readParameters = (query: string): Parameters =>
  new Map(
    query
      .split('&')
      .filter(pair => pair !== '')
      .map(pair => {
        const [name = '', ...value] = pair.split('=')
        return [decodeURIComponent(name), decodeURIComponent(value.join('='))]
      }),
  )

/** The query may name hosts too. An IPv6 address needs no brackets there. */
const encodeHosts = (parameters: Parameters): string => {
  const list = parameters.get('host')
  if (!list) return ''
  const ports = parameters.get('port')?.split(',') ?? []
  const encode = (host: string, index: number) => {
    const port = ports[index] ?? ports[0]
    return `${host.includes(':') ? `[${host}]` : encodeURIComponent(host)}${port ? `:${port}` : ''}`
  }
  return list.split(',').map(encode).join(',')
}

const STARTUP = new Set(['application_name', 'options'])

const SSLMODES: Readonly<Record<string, SslMode>> = {
  disable: 'disable',
  false: 'disable',
  // libpq's `allow` tries TLS last. Trying it first is at least as safe.
  allow: 'prefer',
  prefer: 'prefer',
  require: 'require',
  'verify-ca': 'verify-ca',
  'verify-full': 'verify-full',
  true: 'verify-full',
}

const sslmodeOf = (parameters: Parameters): SslMode | null => {
  if (parameters.get('sslrootcert') === 'system') return 'verify-full'
  return SSLMODES[parameters.get('sslmode') ?? parameters.get('ssl') ?? ''] ?? null
}

type Judge = (value: string) => string | null

const oneOf =
  (...values: readonly string[]): Judge =>
  value =>
    values.includes(value) ? null : `must be one of ${values.join(', ')}`
const anything: Judge = () => null
const never =
  (reason: string): Judge =>
  () =>
    reason

/** Every parameter that libpq knows or a provider may add, with its check. */
const PARAMETERS: Readonly<Record<string, Judge>> = {
  user: anything,
  password: anything,
  dbname: anything,
  host: anything,
  port: value => (/^\d{1,5}(?:,\d{1,5})*$/.test(value) ? null : 'must be a port'),
  application_name: anything,
  options: anything,
  prepare: oneOf('true', 'false'),
  sslmode: oneOf('disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'),
  ssl: oneOf(...Object.keys(SSLMODES)),
  sslnegotiation: oneOf('postgres', 'direct'),
  sslrootcert: value =>
    value === 'system' ? null : 'names a file: name it in NODE_EXTRA_CA_CERTS instead, and leave this out',
  sslcert: never('is not taken: sign in by password'),
  sslkey: never('is not taken: sign in by password'),
  channel_binding: value =>
    value === 'require'
      ? 'cannot be required, for the driver binds no channel: leave it out, and use sslmode=verify-full'
      : oneOf('disable', 'prefer')(value),
  gssencmode: oneOf('disable', 'prefer'),
  client_encoding: value => (/^(?:auto|utf-?8)$/i.test(value) ? null : 'must be utf8'),
  target_session_attrs: never('is not taken: a host that is a standby is left for the next one'),
  load_balance_hosts: oneOf('disable'),
  // Accepted and ignored: Signet's own timeouts are fixed, and shorter.
  connect_timeout: anything,
  keepalives: anything,
  keepalives_idle: anything,
  keepalives_interval: anything,
  keepalives_count: anything,
  tcp_user_timeout: anything,
  fallback_application_name: anything,
  schema: never('is not taken: use DATABASE_SCHEMA'),
  search_path: never('is not taken: use DATABASE_SCHEMA'),
  pgbouncer: never('is not taken: see PgBouncer in docs/deploy.md'),
}

/** The first fault. `isSecret`: the query may be the rest of a password with a question mark, so the message must not repeat a name. */
const refusalOf = (parameters: Parameters, isSecret: boolean): string | null => {
  for (const [name, value] of parameters) {
    const judge = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined
    if (judge === undefined) {
      const named =
        !isSecret && /^[a-z_]{1,40}$/.test(name) ? ` ${name}` : ', and what it names percent-encoded'
      return `must have no parameter that Signet does not know${named}`
    }
    const fault = judge(value)
    if (fault !== null) return `has ${name}, which ${fault}`
  }
  if (parameters.get('sslrootcert') === 'system' && !isVerifying(parameters))
    return 'has sslrootcert=system, which needs sslmode=verify-full'
  return null
}

const isVerifying = (parameters: Parameters): boolean =>
  [undefined, 'verify-full'].includes(parameters.get('sslmode'))
