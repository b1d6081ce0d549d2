import type { Log, TimelineMemory } from '../../ports/effects.ts'

/** What a host tells of itself when a connection opens. */
export type HostIdentity = Readonly<{
  is_standby: boolean
  /** Raised by one with each promotion. Null on a standby, and where the database does not tell. */
  timeline: number | null
  /** The identifier that all servers of one cluster share. Null where the database does not tell. */
  system: string | null
}>

export type HostVerdict = 'primary' | 'standby' | 'former_primary'

/** An open connection. `destroy` ends it at once; after `doubt` it is verified again before its next statement. */
export type HeldConnection = Readonly<{ host: () => string; destroy: () => void; doubt: () => void }>

/** Stands for the identifier of a cluster that the database does not tell. Redis does not learn the timelines of such a cluster. */
const UNKNOWN_SYSTEM = ''

type Needs = Readonly<{ memory: TimelineMemory | null; log: Pick<Log, 'info' | 'warn'> }>

export type Timelines = ReturnType<typeof createTimelines>

/**
 * Ours (docs/decisions/0063) – Judges hosts by PostgreSQL, "Timelines": each promotion begins a higher one, so that of two hosts that both
 * take writes the one with the lower timeline is a former primary, and what it answers is from the past. Timelines are compared within one
 * cluster: a database that was moved to another cluster begins again with a low one.
 */
export const createTimelines = ({ memory, log }: Needs) => {
  const held = createHeldConnections()
  const formers = createFormerPrimaries(log)
  const highest = createHighestTimelines(memory, (system, timeline) => {
    log.info(
      { event: 'database_timeline', timeline },
      `a host of the database was promoted, to timeline ${timeline}`,
    )
    held.endBelow(system, timeline)
  })
  let current: string | null = null

  const judge = async (
    host: string,
    { is_standby, timeline, system }: HostIdentity,
    connection: HeldConnection | null,
  ): Promise<HostVerdict> => {
    if (is_standby || timeline === null) {
      formers.delete(host)
      if (is_standby) held.doubtAt(host)
      return is_standby ? 'standby' : 'primary'
    }
    const cluster = system ?? UNKNOWN_SYSTEM
    await highest.learn(cluster, timeline)
    // No await from here to `held.add`: a higher timeline that is seen later finds the connection, and ends it.
    const newest = highest.find(cluster) ?? timeline
    if (timeline < newest) {
      held.doubtAt(host)
      formers.add(host, { timeline, newest_timeline: newest })
      return 'former_primary'
    }
    formers.delete(host)
    if (connection === null) return 'primary'
    held.add(connection, { system: cluster, timeline })
    current = cluster
    return 'primary'
  }

  return {
    /** Judges the host of a connection that has opened, which is ended later if a higher timeline is seen. Never rejects. */
    admit: (connection: HeldConnection, identity: HostIdentity) =>
      judge(connection.host(), identity, connection),
    release: held.release,
    /** Judges a host to which no connection is open. `identity` is null for a host that does not answer. Never rejects. */
    note: async (host: string, identity: HostIdentity | null): Promise<void> => {
      if (identity === null) formers.delete(host)
      else await judge(host, identity, null)
    },
    /** Learns what other instances have seen. Never rejects. */
    recall: highest.recall,
    /** The highest timeline of the cluster that is in use; null where the database does not tell. */
    highest: () => (current === null ? null : highest.find(current)),
    /** True while a host that was last seen takes writes on a lower timeline. */
    isFormerPrimarySeen: () => formers.isAnySeen(),
  }
}

/** The highest timeline by the identifier of the cluster. `onRise` is called for each one after the first. */
const createHighestTimelines = (
  memory: TimelineMemory | null,
  onRise: (system: string, timeline: number) => void,
) => {
  const known = new Map<string, number>()
  const raise = (system: string, timeline: number) => {
    const before = known.get(system)
    if (before !== undefined && timeline <= before) return
    known.set(system, timeline)
    if (before !== undefined) onRise(system, timeline)
  }
  /** Also refills a memory that was emptied. */
  const remember = async (system: string, timeline: number) => {
    if (memory === null || system === UNKNOWN_SYSTEM) return
    const shared = await memory.raise(system, timeline)
    if (shared !== null) raise(system, shared)
  }
  return {
    learn: async (system: string, timeline: number): Promise<void> => {
      raise(system, timeline)
      await remember(system, known.get(system) ?? timeline)
    },
    find: (system: string): number | null => known.get(system) ?? null,
    recall: async (): Promise<void> => {
      await Promise.all([...known].map(([system, timeline]) => remember(system, timeline)))
    },
  }
}

/** The hosts that take writes on a lower timeline, as they were last seen. */
const createFormerPrimaries = (log: Pick<Log, 'warn'>) => {
  const hosts = new Set<string>()
  return {
    add: (host: string, seen: Readonly<{ timeline: number; newest_timeline: number }>): void => {
      if (hosts.has(host)) return
      hosts.add(host)
      log.warn(
        { event: 'former_primary', database_host: host, ...seen },
        `${host} takes writes on timeline ${seen.timeline}, and timeline ${seen.newest_timeline} has been seen: stop this former primary`,
      )
    },
    delete: (host: string): void => void hosts.delete(host),
    isAnySeen: () => hosts.size > 0,
  }
}

type Place = Readonly<{ system: string; timeline: number }>

/** The connections that are in use, with what their host told when they opened. */
const createHeldConnections = () => {
  const held = new Map<HeldConnection, Place>()
  return {
    add: (connection: HeldConnection, place: Place): void => void held.set(connection, place),
    release: (connection: HeldConnection): void => void held.delete(connection),
    endBelow: (system: string, timeline: number): void => {
      for (const [connection, place] of held) {
        if (place.system !== system || place.timeline >= timeline) continue
        held.delete(connection)
        connection.destroy()
      }
    },
    /**
     * For a host that leads to another server now. Behind a pooler the connections that are open may lead there too; behind a proxy, or a name
     * with several addresses, they lead to the primary as before, and their statements must not be cut off.
     */
    doubtAt: (host: string): void => {
      for (const connection of held.keys()) if (connection.host() === host) connection.doubt()
    },
  }
}
