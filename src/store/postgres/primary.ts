import postgres, { type Sql } from 'postgres'
import { addressesOf, connectionOptions, type DatabasePlace, isStandby } from './hosts.ts'
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
 * Runs the work of a migration on one connection beside the pool, to the first host that is not a standby. `patient`: without the role's
 * timeouts, where no pooler refuses their settings.
 */
export const onPrimary = async <T>(
  place: DatabasePlace,
  work: (sql: Sql) => Promise<T>,
  patience: 'patient' | 'of_role' = 'of_role',
): Promise<T> => {
  let settings = patience === 'patient' ? PATIENT : {}
  const addresses = addressesOf(place)
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
      const isUseless = await inTime(isStandby(sql), MIGRATION_CONNECT_SECONDS * addresses.length)
      if (!isUseless || others === 0) return await work(sql)
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

const inTime = <T>(answer: Promise<T>, seconds: number): Promise<T> =>
  new Promise((resolve, reject) => {
    const fault = Object.assign(new Error(`no answer in ${seconds} seconds`), { code: 'CONNECT_TIMEOUT' })
    const timer = setTimeout(() => reject(fault), seconds * 1000)
    void answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
