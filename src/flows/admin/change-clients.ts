import { digestOf, type Plain } from '../../domain/base/digest.ts'
import { presentAdministeredClient, presentListedClient } from '../../domain/clients/administered-client.ts'
import {
  type GivenClient,
  type RegisteredClient,
  register,
  splitSecret,
  withSecret,
} from '../../domain/clients/given-client.ts'
import { faultOfStoredScope, readRegistrationRow } from '../../domain/clients/stored-registration.ts'
import { type Client, type ClientRecord, FIRST_PARTY, usesSecret } from '../../domain/oauth/client.ts'
import { CONSOLE_CLIENT_ID } from '../../domain/oauth/console-client.ts'
import {
  type ClientFault,
  type ClientPolicy,
  parseClient,
  parseClientRecord,
} from '../../domain/oauth/parse-clients.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { AdministeredClients, ClientRegistrations } from '../../ports/clients.ts'
import type { Random } from '../../ports/effects.ts'

type Needs = Readonly<{
  stored: ClientRegistrations
  administeredClients: AdministeredClients
  listed: () => readonly Client[]
  /** Lets this instance know the change before it is answered; every other one does within two seconds. */
  lookNow: () => Promise<void>
  policy: ClientPolicy
  random: Random
}>

type Named = Readonly<{ client_id: string; versions: readonly number[] | null }>
type Secret = Plain<'client_secret'>
type Entry = Readonly<Record<string, unknown>>
type Page = Readonly<{ after: string | null; limit: number }>

/** A client as it is now, with the secret that was made for it, which nothing shows again. */
type Changed = Readonly<{ shown: ShownClient; version: number | null; client_secret: Secret | null }>
export type ShownClient =
  | ReturnType<typeof presentAdministeredClient>
  | ReturnType<typeof presentListedClient>

const SECRET_BYTES = 32

/**
 * Ours (docs/administration.md) – Clients for administrators: those of the database and of CLIENTS_FILE, which stand before them. Each change
 * is one statement, so that nothing of a form is written half. All throw a Problem; faults of a registration are returned.
 */
export const createChangeClients = (needs: Needs) => {
  const { stored, administeredClients, lookNow, policy, random } = needs
  const generate = () => Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url') as Secret
  const { findListed, show, list, showChanged, requireStored, requireOwn } = createViews(needs)

  return {
    show,
    list,

    create: async (entry: Entry): Promise<Changed | Faulty> => {
      const read = readGiven(entry, { policy, spare: generate() })
      if ('faults' in read) return read
      const { given } = read
      const { client_id } = given
      if (BUILT_IN.has(client_id) || findListed(client_id) !== undefined) throw new Problem('CLIENT_ID_TAKEN')
      const generated = given.usesSecret && given.client_secret === null ? generate() : null
      const registered = register(given, { generated, kept: null })
      const faulty = judgeWhole(registered, policy)
      if (faulty !== null) return faulty
      const created = await stored.create(registered)
      if (created === 'taken') throw new Problem('CLIENT_ID_TAKEN')
      if (created === 'full') throw new Problem('CLIENTS_FULL')
      return showChanged(client_id, generated)
    },

    /** A client that is given without a secret keeps its own. */
    replace: async ({ client_id, versions }: Named, entry: Entry): Promise<Changed | Faulty> => {
      const { version, client_secret_digest: kept } = await requireOwn(client_id)
      if (versions !== null && !versions.includes(version)) throw new Problem('CHANGED_MEANWHILE')
      const read = readGiven({ ...entry, client_id }, { policy, spare: generate() })
      if ('faults' in read) return read
      const isWithoutSecret = read.given.client_secret === null && kept === null
      const generated = read.given.usesSecret && isWithoutSecret ? generate() : null
      const registered = register(read.given, { generated, kept })
      const faulty = judgeWhole(registered, policy)
      if (faulty !== null) return faulty
      const replaced = await stored.replace({ ...registered, version })
      if (replaced === 'unknown') throw new Problem('NOT_FOUND')
      if (replaced === 'changed') throw new Problem('CHANGED_MEANWHILE')
      return showChanged(client_id, generated)
    },

    setDisabled: async (client_id: string, isDisabled: boolean): Promise<Changed> => {
      await requireStored(client_id)
      const isKnown = isDisabled ? await stored.disable(client_id) : await stored.enable(client_id)
      if (!isKnown) throw new Problem('NOT_FOUND')
      return showChanged(client_id)
    },

    delete: async ({ client_id, versions }: Named): Promise<void> => {
      await requireOwn(client_id)
      if (!(await stored.delete(client_id, versions))) {
        await requireOwn(client_id)
        throw new Problem('CHANGED_MEANWHILE')
      }
      await lookNow()
    },

    addSecret: async ({ client_id, versions }: Named, overlap_seconds: number): Promise<Changed> => {
      const before = await requireOwn(client_id)
      if (before.client_secret_digest === null) throw new Problem('CLIENT_WITHOUT_SECRET')
      const client_secret = generate()
      const digest = digestOf(client_secret)
      const added = await administeredClients.addSecret({ client_id, versions, digest, overlap_seconds })
      if (added === null) throw new Problem('CHANGED_MEANWHILE')
      return showChanged(client_id, client_secret)
    },
  }
}

export type ChangeClients = ReturnType<typeof createChangeClients>

/** The faults that show only in the whole registration; null without any. */
const judgeWhole = (registered: RegisteredClient, policy: ClientPolicy): Faulty | null => {
  const parsed = parseClientRecord(registered, policy)
  if ('faults' in parsed) return { faults: parsed.faults.map(message => ({ path: [], message })) }
  const message = faultOfStoredScope(parsed.client.scope)
  return message === null ? null : { faults: [{ path: ['scope'], message }] }
}

const BUILT_IN: ReadonlySet<string> = new Set([CONSOLE_CLIENT_ID, FIRST_PARTY.client_id])

/** The client as it is, and what a change may start from. */
const createViews = ({ stored, administeredClients, listed, lookNow, policy }: Needs) => {
  const findListed = (client_id: string) => listed().find(each => each.client_id === client_id)

  const show = async (client_id: string): Promise<Changed> => {
    const inFile = findListed(client_id)
    if (inFile !== undefined)
      return { shown: presentListedClient(inFile), version: null, client_secret: null }
    const record = await stored.find(client_id)
    if (record === null) throw new Problem('NOT_FOUND')
    return { shown: presentAdministeredClient(record, policy), version: record.version, client_secret: null }
  }
  const showChanged = async (client_id: string, client_secret: Secret | null = null): Promise<Changed> => {
    await lookNow()
    return { ...(await show(client_id)), client_secret }
  }
  const requireStored = async (client_id: string): Promise<ClientRecord> => {
    if (findListed(client_id) !== undefined) throw new Problem('CLIENT_READ_ONLY')
    const record = await stored.find(client_id)
    if (record === null) throw new Problem('NOT_FOUND')
    return record
  }
  const requireOwn = async (client_id: string): Promise<ClientRecord> => {
    const record = await requireStored(client_id)
    if (readRegistrationRow(record.metadata) !== null) throw new Problem('CLIENT_READ_ONLY')
    return record
  }
  /** A client of the file stands at its place among those of the database, and hides one with its id. */
  const list = async ({ after, limit }: Page): Promise<readonly ShownClient[]> => {
    const rows = await administeredClients.list({ after, limit })
    const inFile = listed().filter(({ client_id }) => after === null || client_id > after)
    const ids = new Set(inFile.map(({ client_id }) => client_id))
    const shown: readonly ShownClient[] = [
      ...inFile.map(presentListedClient),
      ...rows
        .filter(({ client_id }) => !ids.has(client_id))
        .map(row => presentAdministeredClient(row, policy)),
    ]
    return shown.toSorted((one, other) => (one.client_id < other.client_id ? -1 : 1)).slice(0, limit)
  }
  return { findListed, show, list, showChanged, requireStored, requireOwn }
}

export type Faulty = Readonly<{ faults: readonly ClientFault[] }>

/** `spare` stands in for a secret that is missing while the other members are judged. */
const readGiven = (
  entry: Readonly<Record<string, unknown>>,
  { policy, spare }: Readonly<{ policy: ClientPolicy; spare: Secret }>,
): Readonly<{ given: GivenClient }> | Faulty => {
  const parsed = parseClient(withSecret(entry, spare), policy)
  if ('faults' in parsed) return parsed
  const { client_id, token_endpoint_auth_method } = parsed.client
  return { given: { client_id, usesSecret: usesSecret(token_endpoint_auth_method), ...splitSecret(entry) } }
}
