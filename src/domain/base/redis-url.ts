export type RedisAddress = Readonly<{ host: string; port: number }>

type Login = Readonly<{
  username: string | null
  password: string | null
}>

/** Where Redis is: at an address, at a Unix socket, where Sentinels say, or where the nodes of a cluster say. */
export type RedisPlace =
  | Readonly<{ form: 'server'; address: RedisAddress; family: number | null }>
  | Readonly<{ form: 'socket'; path: string }>
  | Readonly<{
      form: 'sentinel'
      sentinels: readonly RedisAddress[]
      /** The name by which the Sentinels know the primary and its replicas. */
      master: string
      /** The user of the Sentinels, who is not the user of Redis. */
      sentinelLogin: Login
    }>
  | Readonly<{ form: 'cluster'; nodes: readonly RedisAddress[] }>

export type RedisForm = RedisPlace['form']

/** A URL of Redis, decoded. */
export type RedisTarget = Login &
  Readonly<{
    /** TLS to Redis, and to the Sentinels. */
    hasTls: boolean
    database: number
    place: RedisPlace
  }>

/** The rest of a message that begins with the setting's name. Repeats no part of the text, which is a secret. */
type Fault = Readonly<{ fault: string }>

/**
 * IANA, "redis and rediss URI schemes" – The forms beside them are spelled as most clients spell them: `redis+sentinel:`, `redis+cluster:`
 * and `redis+unix:`. Ours: no parameter of the client is taken from the query, because some would hold up requests.
 */
export const readRedisUrl = (text: string): Readonly<{ target: RedisTarget }> | Fault => {
  const [whole, scheme = '', credentials, authority = '', path = '', query = ''] = URI.exec(text.trim()) ?? []
  const form = FORMS[scheme.toLowerCase()]
  if (whole === undefined || form === undefined || path.includes('@')) return { fault: `must be ${SHAPE}` }
  if (![credentials ?? '', path, query].every(isDecodable))
    return { fault: 'must have a password that is percent-encoded: a % in it is written %25' }
  const parameters = new URLSearchParams(query.replaceAll('+', '%2B'))
  const known = PARAMETERS[form]
  if (![...parameters].every(([name, value]) => known.get(name)?.test(value)) || hasTwice(parameters))
    return { fault: `must have no query ${ALLOWED[form]}; a # or ? in the password is written %23, %3F` }
  const read = READERS[form]({ authority, path, parameters })
  if ('fault' in read) return read
  return {
    target: {
      ...loginOf(credentials),
      hasTls: scheme.toLowerCase().startsWith('rediss'),
      database: read.database,
      place: read.place,
    },
  }
}

const URI = /^(rediss?(?:\+[a-z]+)?):\/\/(?:([^/?#@]*)@)?([^/?#@]*)(\/[^?#]*)?(?:\?([^#]*))?$/i
const FORMS: Readonly<Record<string, RedisForm>> = {
  redis: 'server',
  rediss: 'server',
  'redis+unix': 'socket',
  'redis+sentinel': 'sentinel',
  'rediss+sentinel': 'sentinel',
  'redis+cluster': 'cluster',
  'rediss+cluster': 'cluster',
}
const SHAPE =
  'a URL that begins with redis://, rediss://, redis+unix://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster://, with a # or ? in the password written %23, %3F'

const PARAMETERS: Readonly<Record<RedisForm, ReadonlyMap<string, RegExp>>> = {
  server: new Map([['family', /^[046]$/]]),
  socket: new Map([['db', /^\d{1,5}$/]]),
  sentinel: new Map([
    ['sentinel_username', /./],
    ['sentinel_password', /./],
  ]),
  cluster: new Map(),
}
const ALLOWED: Readonly<Record<RedisForm, string>> = {
  server: 'but ?family=0, 4 or 6',
  socket: 'but ?db=, the number of a database',
  sentinel: 'but ?sentinel_username=…&sentinel_password=…',
  cluster: '',
}

type Parts = Readonly<{ authority: string; path: string; parameters: URLSearchParams }>
type Reader = (parts: Parts) => Readonly<{ place: RedisPlace; database: number }> | Fault

const REDIS_PORT = 6379
const SENTINEL_PORT = 26379
const MASTER = /^\/([\w.-]{1,100})(?:\/(\d{1,5})?)?$/

const READERS: Readonly<Record<RedisForm, Reader>> = {
  server: ({ authority, path, parameters }) => {
    const [, digits] = /^\/?(\d{0,5})$/.exec(path) ?? []
    if (digits === undefined) return { fault: 'must have no path, or the number of a database such as /1' }
    const [address, ...others] = readAddresses(authority || 'localhost', REDIS_PORT) ?? []
    if (address === undefined) return { fault: 'must have a host, and a port from 1 to 65535 or none' }
    if (others.length > 0)
      return { fault: 'must name one host; several are those of redis+sentinel:// or redis+cluster://' }
    const family = parameters.get('family')
    const place = { form: 'server', address, family: family === null ? null : Number(family) } as const
    return { place, database: Number(digits) }
  },
  socket: ({ authority, path, parameters }) =>
    authority !== '' || !/^\/[^\0]*[^/\0]$/.test(decodeURIComponent(path))
      ? { fault: 'must have the absolute path of a socket, such as redis+unix:///run/redis/redis.sock' }
      : {
          place: { form: 'socket', path: decodeURIComponent(path) },
          database: Number(parameters.get('db') ?? 0),
        },
  sentinel: ({ authority, path, parameters }) => {
    const sentinels = readAddresses(authority, SENTINEL_PORT)
    const [, master, database = '0'] = MASTER.exec(path) ?? []
    if (sentinels === null || master === undefined)
      return {
        fault:
          'must name Sentinels and what they call the primary, such as redis+sentinel://host1:26379,host2:26379/mymaster, with a database behind it or none',
      }
    const sentinelLogin = {
      username: parameters.get('sentinel_username'),
      password: parameters.get('sentinel_password'),
    }
    return { place: { form: 'sentinel', sentinels, master, sentinelLogin }, database: Number(database) }
  },
  cluster: ({ authority, path }) => {
    const nodes = readAddresses(authority, REDIS_PORT)
    if (nodes === null)
      return { fault: 'must name nodes of the cluster, such as redis+cluster://host1:6379,host2:6379' }
    if (!/^(?:\/0?)?$/.test(path)) return { fault: 'must have no path: a cluster has one database only' }
    return { place: { form: 'cluster', nodes }, database: 0 }
  },
}

const ADDRESS = /^(?:\[([\da-f:.]+)\]|([^:[\]\s%]+))(?::(\d{1,5}))?$/i

/** Null where an address is wrong, and where there is none. */
const readAddresses = (list: string, standard: number): readonly RedisAddress[] | null => {
  const addresses = list.split(',').flatMap(text => {
    const [, address, name, digits] = ADDRESS.exec(text) ?? []
    const host = address ?? name
    const port = digits === undefined ? standard : Number(digits)
    return host === undefined || port < 1 || port > 65_535 ? [] : [{ host, port }]
  })
  return addresses.length === list.split(',').length ? addresses : null
}

const hasTwice = (parameters: URLSearchParams): boolean => new Set(parameters.keys()).size < parameters.size

const loginOf = (credentials: string | undefined): Login => {
  if (credentials === undefined) return { username: null, password: null }
  const [username = '', ...password] = credentials.split(':')
  return {
    username: decodeURIComponent(username) || null,
    password: decodeURIComponent(password.join(':')) || null,
  }
}

const isDecodable = (text: string): boolean => {
  try {
    return !decodeURIComponent(text).includes('\0')
  } catch {
    return false
  }
}
