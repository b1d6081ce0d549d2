import type { Peppers } from '../../domain/base/pepper.ts'
import { isRefused, type RegistrationRefusal } from '../../domain/clients/registration-refusals.ts'
import { registeredClientOf } from '../../domain/clients/registration-request.ts'
import { openClientId } from '../../domain/clients/sealed-client-id.ts'
import { parseStoredClient } from '../../domain/clients/stored-registration.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { ClientPolicy } from '../../domain/oauth/parse-clients.ts'
import type { Clients, RegistrationRows } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import { type CurrentPolicy, createNarrow } from './narrow.ts'
import { createRecent } from './recent.ts'

type Needs = Readonly<{
  /** The clients that operators have registered: none of them is looked for in its id. */
  registered: Clients
  /** The client of a row that this instance has in memory. Null: the client may not be used; undefined: there is no such row. */
  findRegistration: (client_id: string) => Client | null | undefined
  refusals: () => readonly RegistrationRefusal[]
  rows: Pick<RegistrationRows, 'find'>
  issuer: string
  keys: Peppers
  policy: ClientPolicy
  selfRegistration: CurrentPolicy
  clock: Clock
}>

/** Ids that an instance keeps opened, at most: some megabytes. Opening one again takes a fraction of a millisecond. */
const OPENED_MOST = 1_000
const OPENED_SECONDS = 3_600
/** Ids without a row that an instance remembers, at most, and the seconds for which it asks for none of them again. */
const ABSENT_MOST = 1_000
const ABSENT_SECONDS = 30

/** `client`: null where only a row can tell the metadata. */
type Opened = Readonly<{ issued_at: number; client: Client | null }>

/**
 * RFC 7591 – The clients that have registered themselves, behind those of operators. An id is opened in this process, so that every instance
 * knows it at once and nothing is stored for it. What a row says stands before what the id says. A query is sent for an id of ours that needs
 * a row which this instance has not heard of yet; a text that is no id of ours costs none.
 */
export const createSelfRegisteredClients = (needs: Needs): Clients => {
  const { registered, findRegistration, refusals } = needs
  const narrow = createNarrow(needs.selfRegistration)
  const open = createOpen(needs)
  const findRow = createFindRow(needs)

  const find = async (client_id: string): Promise<Client | 'withheld' | null> => {
    const row = findRegistration(client_id)
    const opened = open(client_id)
    if (opened === null) return null
    const client = row === undefined ? (opened.client ?? (await findRow(client_id))) : row
    if (client === null || isRefused(client, opened.issued_at, refusals())) return 'withheld'
    return narrow(client)
  }

  return {
    ...registered,
    find: async client_id => {
      const client = (await registered.find(client_id)) ?? (await find(client_id))
      return client === 'withheld' ? null : client
    },
    findFor: async (client_id, limit_key) => {
      const client = (await registered.find(client_id)) ?? (await find(client_id))
      if (client === 'withheld') return { refusal: new OAuthError('client_withheld', { client_id }) }
      return client === null ? registered.findFor(client_id, limit_key) : { client }
    },
  }
}

/** Null for a text that is no id of ours. Metadata that this version does not understand leave the client to its row. */
const createOpen = ({ issuer, keys, policy, clock }: Needs) => {
  const opened = createRecent<Opened>({ most: OPENED_MOST, clock })
  return (client_id: string): Opened | null => {
    const known = opened.fresh(client_id)
    if (known !== null) return known
    const sealed = openClientId(client_id, { issuer, keys })
    if (sealed === null) return null
    const { issued_at, metadata } = sealed
    const parsed =
      metadata === null
        ? { client: null }
        : registeredClientOf({ client_id, metadata, client_secret_digest: null }, policy)
    const value = { issued_at, client: 'faults' in parsed ? null : parsed.client }
    opened.keep(client_id, value, OPENED_SECONDS)
    return value
  }
}

const createFindRow = ({ rows, policy, clock }: Needs) => {
  const absent = createRecent<true>({ most: ABSENT_MOST, clock })
  return async (client_id: string): Promise<Client | null> => {
    if (absent.fresh(client_id) !== null) return null
    const record = await rows.find(client_id)
    const parsed = record?.disabled_at === null ? parseStoredClient(record, policy) : null
    if (parsed !== null && 'client' in parsed) return parsed.client
    absent.keep(client_id, true, ABSENT_SECONDS)
    return null
  }
}
