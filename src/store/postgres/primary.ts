import postgres, { type Sql } from 'postgres'
import type { HostIdentity } from '../timelines/timelines.ts'
import type { Dialer } from './dialer.ts'
import {
  type Address,
  addressesOf,
  connectionOptions,
  createIdentify,
  type DatabasePlace,
  type Identify,
} from './hosts.ts'
import { isRefusedByPooler } from './session-settings.ts'
import { trackSockets } from './sockets.ts'

/** A migration waits longer than a request may. */
const MIGRATION_CONNECT_SECONDS = 5

const CLIENT_OPTIONS = {
  max: 1,
  connect_timeout: MIGRATION_CONNECT_SECONDS,
  backoff: () => 0,
  onnotice: () => {},
  // See arrayTypes.
  fetch_types: false,
}

/** Settings of a connection whose statements take as long as they must. The highest value stands for none. */
const PATIENT = { statement_timeout: 2_147_483_647, lock_timeout: 2_147_483_647, search_path: 'pg_catalog' }

/**
 * Runs the work of a migration on one connection beside the pool, to the primary of the highest timeline. `patient`: without the role's
 * timeouts, where no pooler refuses their settings.
 */
export const onPrimary = async <T>(
  place: DatabasePlace,
  work: (sql: Sql) => Promise<T>,
  patience: 'patient' | 'of_role' = 'of_role',
): Promise<T> => {
  let settings = patience === 'patient' ? PATIENT : {}
  const identify = createIdentify(place)
  const addresses = await putNewestFirst(place, identify)
  const sockets = trackSockets(addresses, {
    connect_seconds: MIGRATION_CONNECT_SECONDS,
    onUnreachable: () => {},
  })
  for (let others = addresses.length - 1; ; others--) {
    const dialer = sockets.createDialer(() => {})
    const [address] = addresses
    const { startup, ...signIn } = connectionOptions(place.url, address)
    const options = {
      ...CLIENT_OPTIONS,
      ...signIn,
      ...address,
      connection: { application_name: 'signetd migrate', ...startup, ...settings },
      socket: dialer.connect,
    }
    const sql = postgres(options)
    try {
      // Without the timer, postgres.js would reconnect for ever to a host that ends each connection before it is ready.
      const { is_standby } = await inTime(identify(sql), MIGRATION_CONNECT_SECONDS * addresses.length)
      if (!is_standby || others === 0) return await work(sql)
      dialer.failOver()
    } catch (error) {
      if (!isRefusedByPooler(error) || Object.keys(settings).length === 0) throw error
      settings = {}
      others++
    } finally {
      await sql.end({ timeout: MIGRATION_CONNECT_SECONDS })
    }
  }
}

/** The addresses, the primary of the highest timeline before the others. One address is not asked. */
const putNewestFirst = async (
  place: DatabasePlace,
  identify: Identify,
): Promise<readonly [Address, ...Address[]]> => {
  const addresses = addressesOf(place)
  if (addresses.length === 1) return addresses
  const seen = await lookAtHosts(addresses, { url: place.url, identify })
  const [newest] = seen
    .filter(({ identity }) => identity?.is_standby === false)
    .toSorted((a, b) => (b.identity?.timeline ?? 0) - (a.identity?.timeline ?? 0))
  return newest === undefined
    ? addresses
    : [newest.address, ...addresses.filter(address => address !== newest.address)]
}

/** Seconds that one host may take to tell what it is. */
const LOOK_SECONDS = 2

export type SeenHost = Readonly<{ address: Address; identity: HostIdentity | null }>

type Asking = Readonly<{ url: string; identify: Identify }>

/** What each host tells of itself, on connections beside the pool; null for one that does not answer in time. Never rejects. */
export const lookAtHosts = (addresses: readonly Address[], asking: Asking): Promise<readonly SeenHost[]> =>
  Promise.all(
    addresses.map(async address => ({
      address,
      identity: await askHost(address, asking).catch(() => null),
    })),
  )

const askHost = async (address: Address, { url, identify }: Asking): Promise<HostIdentity> => {
  const sockets = trackSockets([address], { connect_seconds: LOOK_SECONDS, onUnreachable: () => {} })
  const { startup, ...signIn } = connectionOptions(url, address)
  const options = {
    ...CLIENT_OPTIONS,
    ...signIn,
    ...address,
    connect_timeout: LOOK_SECONDS,
    connection: { application_name: 'signetd', ...startup },
    socket: connectOnce(sockets.createDialer(() => {})),
  }
  const sql = postgres(options)
  try {
    return await inTime(identify(sql), LOOK_SECONDS)
  } finally {
    await sql.end({ timeout: 0 }).catch(() => undefined)
    sockets.stop()
  }
}

/** postgres.js would connect again for as long as the host ends each connection before it is ready. */
const connectOnce = ({ connect }: Pick<Dialer, 'connect'>): Dialer['connect'] => {
  let isConnected = false
  return async () => {
    if (isConnected) throw new Error('the host has ended the connection')
    isConnected = true
    return connect()
  }
}

const inTime = <T>(answer: Promise<T>, seconds: number): Promise<T> =>
  new Promise((resolve, reject) => {
    const fault = Object.assign(new Error(`no answer in ${seconds} seconds`), { code: 'CONNECT_TIMEOUT' })
    const timer = setTimeout(() => reject(fault), seconds * 1000)
    void answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
