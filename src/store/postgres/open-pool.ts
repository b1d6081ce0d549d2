import postgres, { type Sql } from 'postgres'
import { CONNECT_SECONDS, clientOptions } from './client-options.ts'
import type { CreateSource } from './connection.ts'
import type { Dialer } from './dialer.ts'
import { addressesOf, type DatabasePlace, isStandby } from './hosts.ts'
import { STANDBY } from './outage.ts'
import { createPool } from './pool.ts'
import { createQualify, tag } from './qualify.ts'
import { trackSockets } from './sockets.ts'
import { createWatchdog } from './watchdog.ts'

type Options = DatabasePlace &
  Readonly<{
    pool_size: number
    schema: string
    answer_seconds: number
    /** Called for each connection that ends. */
    onClose: () => void
  }>

export type OpenPool = ReturnType<typeof openPool>

/** Connections beside the pool, at most, while abandoned ones take its places. */
const SPARE_CONNECTIONS = 3
/** Time to close. Callers were served before, so that remaining statements and silent connections are not waited for. */
const CLOSE_SECONDS = 1

/** Opens the pool, with its sockets and the watchdog over the Postgres processes that serve it. */
export const openPool = (options: Options) => {
  const { url, schema, answer_seconds, pool_size } = options
  const addresses = addressesOf(options)
  const isEmbedded = options.path !== undefined
  const qualify = createQualify(schema)
  let isBehindPooler = false

  const sockets = trackSockets(addresses, {
    connect_seconds: CONNECT_SECONDS,
    onUnreachable: address => {
      for (const connection of pool.connections())
        if (connection.isAbandoned() && connection.address() === address) connection.destroy()
    },
  })
  const createSource: CreateSource = onClose => {
    const { connect: socket, ...dialer } = sockets.createDialer(onClose)
    const own = { url, address: addresses[0], answer_seconds, isEmbedded, socket, schema }
    return {
      ...dialer,
      create: () => tag(postgres(clientOptions({ ...own, isBehindPooler })), qualify),
      verify: addresses.length > 1 ? sql => refuseStandby(sql, dialer) : null,
    }
  }
  const pool = createPool({ size: pool_size, spare: isEmbedded ? 0 : SPARE_CONNECTIONS }, onClose =>
    createSource(() => {
      options.onClose()
      onClose()
    }),
  )
  const watchdog = createWatchdog({
    open: () => {
      const { create, ...dialer } = createSource(() => {})
      return { ...create(), ...dialer }
    },
    connections: pool.connections,
    patience_seconds: answer_seconds,
  })

  return {
    query: pool.query,
    isExhausted: pool.isExhausted,
    hasOpen: pool.hasOpen,
    /** The count of hosts that may be the primary. */
    hostCount: addresses.length,
    isBehindPooler: () => isBehindPooler,
    /** From now on, new connections send only the settings that every pooler accepts. */
    expectPooler: () => {
      isBehindPooler = true
    },
    /** Starts the watchdog, after a caller has given up on a connection. */
    watch: () => {
      if (!isEmbedded) watchdog.watch()
    },
    /** Destroys all sockets, because they lead to a host that has become a standby. */
    destroyAll: sockets.destroyAll,
    close: async () => {
      watchdog.stop()
      await pool.end({ timeout: CLOSE_SECONDS })
      sockets.stop()
    },
  }
}

const refuseStandby = async (sql: Sql, { destroy }: Pick<Dialer, 'destroy'>): Promise<void> => {
  if (!(await isStandby(sql))) return
  destroy()
  throw Object.assign(new Error('this host is a standby'), { code: STANDBY })
}
