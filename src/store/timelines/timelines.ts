import type { Log } from '../../ports/effects.ts'
import type { TimelineMemory } from '../../ports/timelines.ts'

/** What a host tells of itself when a connection opens. */
export type HostIdentity = Readonly<{
  is_standby: boolean
  /** Raised by one with each promotion. Null on a standby, and where the database does not tell. */
  timeline: number | null
  /** The identifier that all servers of one cluster share. Null where the database does not tell. */
  system: string | null
}>

export type HostVerdict = 'primary' | 'standby' | 'former_primary'

/** A connection that is ended when its host proves to be a former primary. */
export type HeldConnection = Readonly<{ host: () => string; destroy: () => void }>

type Needs = Readonly<{ memory: TimelineMemory | null; log: Pick<Log, 'info' | 'warn'> }>

export type Timelines = ReturnType<typeof createTimelines>

/**
 * Ours (docs/decisions/0063) – Judges hosts by PostgreSQL, "Timelines": each promotion begins a higher one, so that of two hosts that both
 * take writes the one with the lower timeline is a former primary, and what it answers is from the past. Timelines are compared within one
 * cluster: a database that was moved to another cluster begins again with a low one.
 */
export const createTimelines = ({ memory, log }: Needs) => {
  /** The highest timeline by the identifier of the cluster. */
  const highest = new Map<string, number>()
  const held = new Map<HeldConnection, Readonly<{ system: string; timeline: number }>>()
  const formers = new Set<string>()
  let current: string | null = null

  const end = (
    isOver: (connection: HeldConnection, place: { system: string; timeline: number }) => boolean,
  ) => {
    for (const [connection, place] of held) {
      if (!isOver(connection, place)) continue
      held.delete(connection)
      connection.destroy()
    }
  }

  /** Connections to a host that leads elsewhere now: a pooler or a proxy, behind which a server was exchanged. */
  const endAt = (host: string) => end(connection => connection.host() === host)

  const raise = (system: string, timeline: number) => {
    const before = highest.get(system)
    if (before !== undefined && timeline <= before) return
    highest.set(system, timeline)
    if (before === undefined) return
    log.info(
      { event: 'database_timeline', timeline },
      `a host of the database was promoted, to timeline ${timeline}`,
    )
    end((_, place) => place.system === system && place.timeline < timeline)
  }

  /** Also refills a memory that was emptied. */
  const remember = async (system: string) => {
    const known = highest.get(system)
    if (memory === null || known === undefined || system === UNKNOWN) return
    const shared = await memory.raise(system, known)
    if (shared !== null) raise(system, shared)
  }

  const refuse = (host: string, timeline: number, newest: number) => {
    endAt(host)
    if (formers.has(host)) return
    formers.add(host)
    log.warn(
      { event: 'former_primary', database_host: host, timeline, newest_timeline: newest },
      `${host} takes writes on timeline ${timeline}, and timeline ${newest} has been seen: stop this former primary`,
    )
  }

  const judge = async (
    host: string,
    { is_standby, timeline, system }: HostIdentity,
    connection: HeldConnection | null,
  ): Promise<HostVerdict> => {
    if (is_standby || timeline === null) {
      formers.delete(host)
      if (is_standby) endAt(host)
      return is_standby ? 'standby' : 'primary'
    }
    const cluster = system ?? UNKNOWN
    raise(cluster, timeline)
    await remember(cluster)
    // From here on in one turn of the event loop: a higher timeline that is seen later ends the connection.
    const newest = highest.get(cluster) ?? timeline
    if (timeline < newest) {
      refuse(host, timeline, newest)
      return 'former_primary'
    }
    formers.delete(host)
    if (connection === null) return 'primary'
    held.set(connection, { system: cluster, timeline })
    current = cluster
    return 'primary'
  }

  return {
    /** Judges the host of a connection that has opened, which is ended later if a higher timeline is seen. Never rejects. */
    admit: (connection: HeldConnection, identity: HostIdentity) =>
      judge(connection.host(), identity, connection),
    release: (connection: HeldConnection) => void held.delete(connection),
    /** Judges a host to which no connection is open. `identity` is null for a host that does not answer. Never rejects. */
    note: async (host: string, identity: HostIdentity | null): Promise<void> => {
      if (identity === null) formers.delete(host)
      else await judge(host, identity, null)
    },
    /** Learns what other instances have seen. Never rejects. */
    recall: async (): Promise<void> => {
      await Promise.all([...highest.keys()].map(remember))
    },
    /** The highest timeline of the cluster that is in use; null where the database does not tell. */
    highest: () => (current === null ? null : (highest.get(current) ?? null)),
    /** True while a host that was last seen takes writes on a lower timeline. */
    isFormerPrimarySeen: () => formers.size > 0,
  }
}

/** In place of the identifier of the cluster where the database does not tell it. */
const UNKNOWN = ''
