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
    /** Told of each connection that ends. */
    onClose: () => void
  }>

export type OpenPool = ReturnType<typeof openPool>

/** Opened beside the pool while abandoned connections take its places. */
const SPARE_CONNECTIONS = 3
/** Callers were served before: what is still under way is not waited for, nor a connection that never says goodbye. */
const CLOSE_SECONDS = 1

/** The pool, its sockets, and the watchdog over the processes that serve it. */
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

const refuseStandby = async (sql: Sql, { destroy }: Pick<Dialer, 'destroy'>): Promise<void> => {
  if (!(await isStandby(sql))) return
  destroy()
  throw Object.assign(new Error('this host is a standby'), { code: STANDBY })
}
