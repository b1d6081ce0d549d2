import postgres, { type Sql } from 'postgres'
import { CONNECT_SECONDS, clientOptions } from './client-options.ts'
import type { PoolClient } from './connection.ts'
import type { Connector } from './connector.ts'
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
    /** Told of each connection that ends. */
    onClose: () => void
  }>

export type Connections = ReturnType<typeof openConnections>

/** Opened beside the pool while abandoned connections take its places. */
const SPARE_CONNECTIONS = 3
/** Callers were served before: what is still under way is not waited for, nor a connection that never says goodbye. */
const CLOSE_SECONDS = 1

/** The pool, its sockets, and the watchdog over the processes that serve it. */
export const openConnections = (options: Options) => {
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
  const openClient = (onClose: () => void): PoolClient => {
    const { connect: socket, ...connector } = sockets.createConnector(onClose)
    const own = { url, address: addresses[0], answer_seconds, isEmbedded, socket, schema }
    return {
      ...connector,
      create: () => tag(postgres(clientOptions({ ...own, isBehindPooler })), qualify),
      verify: addresses.length > 1 ? sql => refuseStandby(sql, connector) : null,
    }
  }
  const pool = createPool({ size: pool_size, spare: isEmbedded ? 0 : SPARE_CONNECTIONS }, onClose =>
    openClient(() => {
      options.onClose()
      onClose()
    }),
  )
  const watchdog = createWatchdog({
    open: () => {
      const { create, ...client } = openClient(() => {})
      return { ...create(), ...client }
    },
    connections: pool.connections,
    patience_seconds: answer_seconds,
  })

  return {
    pool,
    /** How many hosts may be the primary. */
    hostCount: addresses.length,
    isBehindPooler: () => isBehindPooler,
    /** New connections name the few settings that every pooler takes. */
    expectPooler: () => {
      isBehindPooler = true
    },
    /** A caller has given up on one of the connections. */
    watch: () => {
      if (!isEmbedded) watchdog.watch()
    },
    /** They lead to what has become a standby. */
    destroyAll: sockets.destroyAll,
    close: async () => {
      watchdog.stop()
      await pool.end({ timeout: CLOSE_SECONDS })
      sockets.stop()
    },
  }
}

const refuseStandby = async (sql: Sql, { destroy }: Pick<Connector, 'destroy'>): Promise<void> => {
  if (!(await isStandby(sql))) return
  destroy()
  throw Object.assign(new Error('this host is a standby'), { code: STANDBY })
}
