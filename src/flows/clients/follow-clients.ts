import { REFUSALS_CHANGED, type RegistrationRefusal } from '../../domain/clients/registration-refusals.ts'
import { parseStoredClient } from '../../domain/clients/stored-registration.ts'
import type { Client, ClientRecord } from '../../domain/oauth/client.ts'
import type { ClientPolicy } from '../../domain/oauth/parse-clients.ts'
import type { ClientChanges, ClientPosition } from '../../ports/clients.ts'
import type { Log } from '../../ports/effects.ts'
import type { StoredClients } from './registered-clients.ts'

type Needs = Readonly<{
  changes: ClientChanges
  policy: ClientPolicy
  log: Log
  onChange: (known: Omit<Known, 'position'>) => void
  /** Milliseconds between two queries. Default 500: a change is known everywhere within two seconds. */
  pause_milliseconds?: number
}>

type Known = Readonly<{
  position: ClientPosition
  stored: StoredClients
  refusals: readonly RegistrationRefusal[]
}>

/** Faults that one line of the log has, at most. */
const FAULTS_MOST = 20

/** `lookNow` resolves when the changes that were committed before it are known here, or could not be read. */
type Following = Readonly<{ lookNow: () => Promise<void>; stop: () => Promise<void> }>

/**
 * Ours – Reads the clients of the database, and follows their changes. Rejects with Unavailable when they cannot be read at first; later,
 * the instance goes on with the clients that it knows. `stop` waits for the query that is under way.
 */
export const followClients = async (needs: Needs): Promise<Following> => {
  const { log, onChange, pause_milliseconds = 500 } = needs
  const { load, catchUp } = createReadClientChanges(needs)
  let known = await load()
  onChange(known)
  let complaint: string | null = null
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  let underway = Promise.resolve()
  let next: Promise<void> | null = null

  const look = async () => {
    try {
      const found = await catchUp(known)
      if (found.stored !== known.stored) onChange(found)
      known = found
      complaint = null
    } catch (error) {
      if (String(error) !== complaint) log.warn({ error: String(error) }, NOT_FOLLOWED)
      complaint = String(error)
    }
  }
  /** One look at a time. All that ask while a look is under way share the one after it. */
  const lookNow = (): Promise<void> => {
    next ??= underway.then(() => {
      next = null
      return look()
    })
    underway = next
    return next
  }
  const schedule = () => {
    if (isStopped) return
    timer = setTimeout(() => void lookNow().then(schedule), pause_milliseconds).unref()
  }
  schedule()
  return {
    lookNow,
    stop: async () => {
      isStopped = true
      clearTimeout(timer)
      await underway
    },
  }
}

const NOT_FOLLOWED = 'the changes of clients cannot be read from the database: the clients stay as they were'

const createReadClientChanges = ({ changes, policy, log }: Pick<Needs, 'changes' | 'policy' | 'log'>) => {
  /** Puts records in their place. A record that this version does not understand is no client, and is named in the log. */
  const put = (stored: Map<string, Client | null>, records: readonly ClientRecord[]) => {
    const faults: string[] = []
    for (const record of records) {
      const parsed = parseStoredClient(record, policy)
      // An id that holds its metadata itself needs no row, once it is enabled again.
      if ('state' in parsed && parsed.state === 'sealed' && record.disabled_at === null) continue
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
    const refusals = await changes.readRefusals()
    const stored = new Map<string, Client | null>()
    for (let after: string | null = null; ; ) {
      const page: readonly ClientRecord[] = await changes.readPage(after)
      const last = page.at(-1)
      if (last === undefined) return { position, stored, refusals }
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
    const areRefusalsChanged = client_ids.includes(REFUSALS_CHANGED)
    const refusals = areRefusalsChanged ? await changes.readRefusals() : known.refusals
    return catchUp({ position, stored, refusals })
  }

  return { load, catchUp }
}

const NOT_UNDERSTOOD =
  'clients of the database are left out, for this version does not understand them: correct or remove them, or run the version that wrote them'
