import type { z } from 'zod'
import type { AddressRange } from '../base/ip-address.ts'
import { nearestWord } from '../base/nearest-word.ts'
import { judgeOutboundUrl, type UrlRefusal } from '../outbound/outbound-target.ts'
import { judgeRegistration } from './access-token-length.ts'
import type { AudiencePolicy } from './audience.ts'
import {
  type Client,
  type ClientRecord,
  type GRANT_TYPES,
  METADATA_MOST_BYTES,
  SHORT_GRACE_SECONDS,
} from './client.ts'
import { MEMBERS, type Metadata, metadata, metadataBeside, toClient } from './client-metadata.ts'
import { CONSOLE_CLIENT_ID } from './console-client.ts'
import { findSpelling } from './resource.ts'

/** What decides on registrations, from the settings. */
export type ClientPolicy = AudiencePolicy &
  Readonly<{
    /** Internal addresses that this server may call. */
    outbound_allow: readonly AddressRange[]
  }>

/** What is wrong with a file of clients, and what to do; and the path of the value that is meant, in the file's JSON. */
export type ClientFault = Readonly<{ path: readonly PropertyKey[]; message: string }>

/** The clients of a CLIENTS_FILE, with digests in place of their secrets, or every fault in the file. */
export const parseClients = (
  json: unknown,
  policy: ClientPolicy,
): Readonly<{ clients: readonly Client[] } | { faults: readonly ClientFault[] }> => {
  if (!Array.isArray(json)) return { faults: [{ path: [], message: 'must be a JSON array of clients' }] }
  const parsed = json.map(entry => parseClient(entry, policy))
  const clients = parsed.flatMap(each => ('client' in each ? [each.client] : []))
  const faults = parsed.flatMap((each, index) =>
    'faults' in each ? each.faults.map(({ path, message }) => ({ path: [index, ...path], message })) : [],
  )
  const named = json.map(clientIdOf)
  const repeated = named.flatMap((client_id, index) =>
    client_id !== null && named.indexOf(client_id) < index
      ? [{ path: [index, 'client_id'], message: TWICE }]
      : [],
  )
  const all = [...faults, ...repeated].map(({ path, message }) => {
    const [index = 0, ...members] = path
    return {
      path,
      message: [nameOf(json, Number(index)), [members.join('.'), message].join(' ').trim()].join(': '),
    }
  })
  return all.length > 0 ? { faults: all } : { clients }
}

const TWICE = 'is registered twice: remove one of the two clients, or give it a client_id of its own'

const clientIdOf = (entry: unknown): string | null =>
  typeof entry === 'object' && entry !== null && 'client_id' in entry && typeof entry.client_id === 'string'
    ? entry.client_id
    : null

/** How the operator finds the client in the file: by its id, else by its position. */
const nameOf = (entries: readonly unknown[], index: number): string => {
  const client_id = clientIdOf(entries[index])
  return client_id === null || client_id === ''
    ? `client number ${index + 1}`
    : `client ${JSON.stringify(client_id.slice(0, 60))}`
}

type Parsed = Readonly<{ client: Client } | { faults: readonly ClientFault[] }>

/** One client in the form of CLIENTS_FILE, or its faults. */
export const parseClient = (entry: unknown, policy: ClientPolicy): Parsed =>
  judge(metadata.safeParse(entry), policy)

/** The client of a row of the database, or a line for each fault for which this version does not understand the row. */
export const parseClientRecord = (
  record: Pick<ClientRecord, 'client_id' | 'metadata' | 'client_secret_digest'> &
    Partial<Pick<ClientRecord, 'former_secret'>>,
  policy: ClientPolicy,
): Readonly<{ client: Client } | { faults: readonly string[] }> => {
  const { client_id, client_secret_digest, former_secret } = record
  const entry = parseMetadata(record.metadata)
  if (entry === null) return { faults: ['the metadata is not a JSON object'] }
  if (Buffer.byteLength(record.metadata) > METADATA_MOST_BYTES)
    return { faults: [`the metadata has more than ${METADATA_MOST_BYTES} bytes: shorten the lists`] }
  const parsed = judge(metadataBeside(client_secret_digest).safeParse({ ...entry, client_id }), policy)
  return 'faults' in parsed
    ? { faults: parsed.faults.map(({ path, message }) => [path.join('.'), message].join(' ').trim()) }
    : {
        client: {
          ...parsed.client,
          client_secret: client_secret_digest ?? undefined,
          ...(former_secret ? { former_secret } : {}),
        },
      }
}

const parseMetadata = (text: string): object | null => {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : null
  } catch {
    return null
  }
}

const judge = (parsed: z.ZodSafeParseResult<Metadata>, policy: ClientPolicy): Parsed => {
  if (!parsed.success) return { faults: parsed.error.issues.flatMap(faultsOf) }
  const client = toClient(parsed.data)
  if (client.client_id === CONSOLE_CLIENT_ID)
    return { faults: [{ path: ['client_id'], message: OF_CONSOLE }] }
  const tooLong = judgeRegistration(client, policy)
  if (tooLong !== null) return { faults: [{ path: [], message: tooLong }] }
  if (client.first_party && client.refresh_grace_seconds > SHORT_GRACE_SECONDS)
    return { faults: [{ path: ['refresh_grace_seconds'], message: FIRST_PARTY_GRACE }] }
  const uncallable = judgeLogoutUri(client, policy.outbound_allow)
  if (uncallable !== null) return { faults: [{ path: ['backchannel_logout_uri'], message: uncallable }] }
  const faults = faultsOfExchange(client, policy)
  return faults.length > 0 ? { faults } : { client }
}

const OF_CONSOLE = 'is that of the console, which is built in: take another one'

const EXCHANGE_GRANT: (typeof GRANT_TYPES)[number] = 'urn:ietf:params:oauth:grant-type:token-exchange'

const JWT_BEARER: (typeof GRANT_TYPES)[number] = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** RFC 8693 §2.1 – Ours: a client exchanges tokens that it is sent as a service, proves who it is, and gets no token for the issuer. */
const faultsOfExchange = (client: Client, { issuer }: ClientPolicy): readonly ClientFault[] => {
  const { token_exchange, protected_resources, grant_types } = client
  const exchanges = grant_types.includes(EXCHANGE_GRANT)
  const { session_exchange } = client
  const needsTokens = exchanges && (!session_exchange || token_exchange.length > 0)
  const isPublic = client.token_endpoint_auth_method === 'none'
  const audiences = token_exchange.map(({ audience }) => audience)
  const own = audiences.findIndex(audience => findSpelling(audience, [issuer]) !== undefined)
  const rules: readonly (readonly [isBroken: boolean, path: ClientFault['path'], message: string])[] = [
    [exchanges && isPublic, ['grant_types'], 'token-exchange needs a confidential client'],
    [grant_types.includes(JWT_BEARER) && isPublic, ['grant_types'], 'jwt-bearer needs a confidential client'],
    [needsTokens && audiences.length === 0, ['token_exchange'], `is required by ${EXCHANGE_GRANT}`],
    [needsTokens && protected_resources.length === 0, ['protected_resources'], NOT_ADDRESSED],
    [!exchanges && audiences.length > 0, ['token_exchange'], `needs the grant type ${EXCHANGE_GRANT}`],
    [session_exchange && !exchanges, ['session_exchange'], `needs the grant type ${EXCHANGE_GRANT}`],
    [
      session_exchange && !grant_types.includes('refresh_token'),
      ['session_exchange'],
      'needs the grant type refresh_token',
    ],
    [new Set(audiences).size < audiences.length, ['token_exchange'], 'must name each audience once'],
    [own >= 0, ['token_exchange', own, 'audience'], NEVER_US],
  ]
  return rules.filter(([isBroken]) => isBroken).map(([, path, message]) => ({ path, message }))
}

const NOT_ADDRESSED = `is required by ${EXCHANGE_GRANT}: only tokens for these can be exchanged`
const NEVER_US =
  'is the issuer, for which no token can be exchanged: the service could use it at the account API'

const FIRST_PARTY_GRACE = `must be ${SHORT_GRACE_SECONDS} at most with first_party: a long window is for agents, whose processes share one token`

const LOGOUT_URI_FAULTS: Readonly<Record<UrlRefusal, string>> = {
  url_malformed: 'must be an absolute https URL',
  user_information: 'must have no user information',
  scheme_refused: 'must be https; http is for the addresses that OUTBOUND_ALLOW names',
  address_refused:
    'is at an internal address that OUTBOUND_ALLOW does not name: add the address to OUTBOUND_ALLOW, or register a public one',
}

/**
 * OpenID Connect Back-Channel Logout §2.2 – What is wrong with the URI of a client, null: nothing. A name is judged when it is called,
 * because it may lead to another address by then.
 */
const judgeLogoutUri = (
  { backchannel_logout_uri: uri }: Pick<Client, 'backchannel_logout_uri'>,
  allow: readonly AddressRange[],
): string | null => {
  if (uri === undefined) return null
  if (uri.includes('#')) return 'must have no fragment'
  const judged = judgeOutboundUrl(uri, allow)
  return 'refusal' in judged ? LOGOUT_URI_FAULTS[judged.refusal] : null
}

const faultsOf = (issue: z.core.$ZodIssue): readonly ClientFault[] =>
  issue.code === 'unrecognized_keys'
    ? issue.keys.map(key => ({ path: [...issue.path, key], message: describeUnknown(key) }))
    : [{ path: issue.path, message: issue.message }]

const describeUnknown = (member: string): string => {
  const meant = nearestWord(member, MEMBERS)
  return meant === null
    ? 'is not a member that Signet knows: remove it; docs/clients.md lists the members'
    : `is not a member that Signet knows; did you mean ${meant}?`
}
