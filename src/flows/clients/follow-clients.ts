import type { Client, ClientRecord } from '../../domain/oauth/client.ts'
import { type ClientPolicy, parseClientRecord } from '../../domain/oauth/parse-clients.ts'
import type { ClientChanges, ClientPosition } from '../../ports/clients.ts'
import type { Log } from '../../ports/effects.ts'
import type { StoredClients } from './registered-clients.ts'

type Needs = Readonly<{
  changes: ClientChanges
  policy: ClientPolicy
  log: Log
  onChange: (stored: StoredClients) => void
  /** Milliseconds between two queries. Default 500: a change is known everywhere within two seconds. */
  pause_milliseconds?: number
}>

type Known = Readonly<{ position: ClientPosition; stored: StoredClients }>

/** Faults that one line of the log has, at most. */
const FAULTS_MOST = 20

/**
 * Ours – Reads the clients of the database, and follows their changes. Rejects with Unavailable when they cannot be read at first; later,
 * the instance goes on with the clients that it knows. Returns `stop`, which waits for the query that is under way.
 */
export const followClients = async (needs: Needs): Promise<() => Promise<void>> => {
  const { log, onChange, pause_milliseconds = 500 } = needs
  const { load, catchUp } = createReadClientChanges(needs)
  let known = await load()
  onChange(known.stored)
  let complaint: string | null = null
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  let underway = Promise.resolve()

  const look = async () => {
    try {
      const next = await catchUp(known)
      if (next.stored !== known.stored) onChange(next.stored)
      known = next
      complaint = null
    } catch (error) {
      if (String(error) !== complaint) log.warn({ error: String(error) }, NOT_FOLLOWED)
      complaint = String(error)
    }
  }
  const schedule = () => {
    if (isStopped) return
    timer = setTimeout(() => {
      underway = look().then(schedule)
    }, pause_milliseconds).unref()
  }
  schedule()
  return async () => {
    isStopped = true
    clearTimeout(timer)
    await underway
  }
}

const NOT_FOLLOWED = 'the changes of clients cannot be read from the database: the clients stay as they were'

const createReadClientChanges = ({ changes, policy, log }: Pick<Needs, 'changes' | 'policy' | 'log'>) => {
  /** Puts records in their place. A record that this version does not understand is no client, and is named in the log. */
  const put = (stored: Map<string, Client | null>, records: readonly ClientRecord[]) => {
    const faults: string[] = []
    for (const record of records) {
      const parsed = parseClientRecord(record, policy)
      const isUsable = 'client' in parsed && record.disabled_at === null
      stored.set(record.client_id, isUsable ? parsed.client : null)
      if ('faults' in parsed) faults.push(`client ${record.client_id}: ${parsed.faults.join('; ')}`)
    }
    if (faults.length > 0)
      log.warn({ event: 'clients_not_understood', faults: faults.slice(0, FAULTS_MOST) }, NOT_UNDERSTOOD)
  }

  /** The position comes first: a change while the pages are read is read again by the next look. */
  const load = async (): Promise<Known> => {
    const position = await changes.readPosition()
    const stored = new Map<string, Client | null>()
    for (let after: string | null = null; ; ) {
      const page: readonly ClientRecord[] = await changes.readPage(after)
      const last = page.at(-1)
      if (last === undefined) return { position, stored }
      put(stored, page)
      after = last.client_id
    }
  }

  const catchUp = async (known: Known): Promise<Known> => {
    const step = await changes.readSince(known.position)
    if (step === null) return load()
    const { position, client_ids } = step
    if (client_ids.length === 0) return { ...known, position }
    const stored = new Map(known.stored)
    for (const client_id of client_ids) stored.delete(client_id)
    put(stored, await changes.findMany(client_ids))
    return catchUp({ position, stored })
  }

  return { load, catchUp }
}

const NOT_UNDERSTOOD =
  'clients of the database are left out, for this version does not understand them: correct or remove them, or run the version that wrote them'
