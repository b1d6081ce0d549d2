import postgres from 'postgres'
import type { Log, TimelineMemory } from '../../ports/effects.ts'
import { keepLooking } from '../timelines/keep-looking.ts'
import { createTimelines, type HostVerdict } from '../timelines/timelines.ts'
import type { Preamble } from './checkout.ts'
import { CONNECT_SECONDS, clientOptions } from './client-options.ts'
import type { CreateSource, SourceEvents } from './connection.ts'
import type { Dialer } from './dialer.ts'
import {
  type Address,
  addressesOf,
  askIsDistributed,
  createIdentify,
  type DatabasePlace,
  describeAddress,
} from './hosts.ts'
import { FORMER_PRIMARY, STANDBY, UNSENT } from './outage.ts'
import { createPool } from './pool.ts'
import { lookAtHosts } from './primary.ts'
import { createQualify, tag } from './qualify.ts'
import { trackSockets } from './sockets.ts'
import { createWatchdog } from './watchdog.ts'

type Options = DatabasePlace &
  Readonly<{
    pool_size: number
    schema: string
    answer_seconds: number
    memory: TimelineMemory | null
    log: Pick<Log, 'info' | 'warn'>
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
  const guard = createHostGuard(options, { addresses, current: sockets.current })
  const createSource: CreateSource = ({ onClose, onDoubt }) => {
    const dialer = sockets.createDialer(() => {
      watched.release()
      onClose()
    })
    const watched = guard.watch(dialer, onDoubt)
    const own = { url, address: addresses[0], answer_seconds, isEmbedded, socket: watched.connect, schema }
    return {
      ...dialer,
      create: () => tag(postgres(clientOptions({ ...own, isBehindPooler })), qualify),
      // The files of the embedded database have no other server.
      verify: isEmbedded ? null : watched.verify,
    }
  }
  const pool = createPool({ size: pool_size, spare: isEmbedded ? 0 : SPARE_CONNECTIONS }, events =>
    createSource(tellingClose(events, options.onClose)),
  )
  const watchdog = createWatchdog({
    open: () => {
      const { create, ...dialer } = createSource({ onClose: () => {}, onDoubt: () => {} })
      return { ...create(), ...dialer }
    },
    connections: pool.connections,
    patience_seconds: answer_seconds,
  })

  return {
    query: pool.query,
    ...guard.told,
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
      guard.stop()
      await pool.end({ timeout: CLOSE_SECONDS })
      sockets.stop()
    },
  }
}

const tellingClose = ({ onClose, onDoubt }: SourceEvents, tell: () => void): SourceEvents => ({
  onDoubt,
  onClose: () => {
    tell()
    onClose()
  },
})

type Hosts = Readonly<{ addresses: readonly Address[]; current: () => Address }>

/** Lets connections be used that lead to the primary, and to no other host. */
const createHostGuard = (
  { url, answer_seconds, ...needs }: Pick<Options, 'url' | 'answer_seconds' | 'memory' | 'log'>,
  { addresses, current }: Hosts,
) => {
  const identify = createIdentify({})
  const timelines = createTimelines(needs)
  let isDistributed = false
  const lookAtOthers = async () => {
    const others = addresses.filter(address => address !== current())
    const seen = await lookAtHosts(others, { url, identify })
    return seen.map(({ address, identity }) => ({ host: describeAddress(address), identity }))
  }
  const looking = keepLooking({
    timelines,
    look: addresses.length === 1 ? null : lookAtOthers,
    patience_milliseconds: (answer_seconds * 1000) / 4,
  })
  /**
   * `verify` is sent first on each connection: what a host that is not the primary answers may be from the past. postgres.js 3.4.9 connects
   * again by itself for a statement that came while its connection ended, perhaps to another host; `connect` refuses that.
   */
  const watch = ({ address, connect, destroy }: Dialer, doubt: () => void) => {
    const held = { host: () => describeAddress(address()), destroy, doubt }
    let isVerified = false
    const verify: Preamble = async sql => {
      isVerified = false
      const looked = looking.begun()
      const identity = await identify(sql)
      isVerified = true
      await looked
      const verdict = await timelines.admit(held, identity)
      if (verdict !== 'primary') {
        destroy()
        throw REFUSALS[verdict]()
      }
      isDistributed = identity.has_citus && (await askIsDistributed(sql))
    }
    return {
      verify,
      connect: async () => {
        if (isVerified) throw Object.assign(new Error('the connection has ended'), { code: UNSENT })
        return connect()
      },
      release: () => timelines.release(held),
    }
  }
  return { told: { timelines, isDistributed: () => isDistributed }, watch, stop: looking.stop }
}

const REFUSALS = {
  standby: () => Object.assign(new Error('this host is a standby'), { code: STANDBY }),
  former_primary: () =>
    Object.assign(new Error('this host is a former primary: a higher timeline has been seen'), {
      code: FORMER_PRIMARY,
    }),
} satisfies Record<Exclude<HostVerdict, 'primary'>, () => Error>
