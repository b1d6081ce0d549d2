import { Unavailable } from '../../domain/base/unavailable.ts'
import {
  DOCUMENT_MAX_BYTES,
  DOCUMENT_MILLISECONDS,
  documentClientOf,
  isDocumentUrl,
  readClientDocument,
  readKeys,
} from '../../domain/clients/client-document.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { ClientPolicy } from '../../domain/oauth/parse-clients.ts'
import { freshSecondsOf } from '../../domain/outbound/freshness.ts'
import { judgeOutboundUrl } from '../../domain/outbound/outbound-target.ts'
import type { Clients, FoundClient } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Limit } from '../../ports/limits.ts'
import type { Outbound, OutboundAnswer } from '../../ports/outbound.ts'
import { type CurrentPolicy, createNarrow } from './narrow.ts'
import { createRecent } from './recent.ts'

type Needs = Readonly<{
  /** The clients that are registered here: none of them is looked for elsewhere. */
  registered: Clients
  /** True for an id that may not be used: nothing is fetched for it. */
  isWithheld: (client_id: string) => boolean
  outbound: Outbound
  /** Fetches that one address may cause. */
  limit: Limit
  policy: ClientPolicy
  selfRegistration: CurrentPolicy
  clock: Clock
}>

/** Documents that an instance keeps, at most: 16 MB, since each is kept as a registration of 16 kB at most. */
const DOCUMENTS_MOST = 1_000
/** Refusals that an instance remembers, at most. They have a place of their own: no refusal drives out a document. */
const REFUSALS_MOST = 4_096
/** Fetches at once, so that strangers leave the others of the outbound slots free. */
const FETCHES_AT_ONCE = 32

const LEAST_SECONDS = 300
const MOST_SECONDS = 86_400
/** Seconds for which nothing is fetched again that could not be used. */
const REFUSED_SECONDS = 30

/** What came of a fetch. */
type Fetched = Readonly<{ client: Client; fresh_seconds: number } | { cause: string }>

/**
 * draft-ietf-oauth-client-id-metadata-document – Clients whose `client_id` is the address of the document that describes them, behind the
 * clients that are registered here. Documents are kept in the memory of each instance. A URL is fetched once at a time, and only while the
 * address of the request has not caused too many fetches.
 */
export const createDocumentClients = (needs: Needs): Clients => {
  const { registered, isWithheld, clock } = needs
  const documents = createRecent<Client>({ most: DOCUMENTS_MOST, clock })
  const refusals = createRecent<string>({ most: REFUSALS_MOST, clock })
  const fetching = new Map<string, Promise<Fetched>>()
  const narrow = createNarrow(needs.selfRegistration)

  const keep = (client_id: string, fetched: Fetched): Fetched => {
    if ('cause' in fetched) refusals.keep(client_id, fetched.cause, REFUSED_SECONDS)
    else documents.keep(client_id, fetched.client, fetched.fresh_seconds)
    return fetched
  }
  const fetchOnce = (client_id: string): Promise<Fetched> => {
    const underway = fetching.get(client_id)
    if (underway !== undefined) return underway
    if (fetching.size >= FETCHES_AT_ONCE)
      throw new Unavailable('outbound', 1, 'too many client documents at once')
    const fetched = fetchClient(needs, client_id)
      .then(each => keep(client_id, each))
      .finally(() => fetching.delete(client_id))
    fetching.set(client_id, fetched)
    return fetched
  }

  const recall = (client_id: string): FoundClient | null => {
    const known = documents.fresh(client_id)
    if (known !== null) return { client: narrow(known) }
    const cause = refusals.fresh(client_id) ?? judgeAddress(client_id, needs.policy)
    return cause === null ? null : refused(client_id, cause)
  }

  const findDocument = async (client_id: string, limit_key: string | null): Promise<FoundClient> => {
    const known = recall(client_id)
    if (known !== null) return known
    const isUnderway = fetching.has(client_id)
    const excess = isUnderway ? null : await excessOf(needs.limit, { client_id, limit_key })
    // Another request may have fetched it while the limit was asked.
    const found = excess ?? recall(client_id)
    if (found !== null) return found
    const fetched = await fetchOnce(client_id)
    return 'cause' in fetched ? refused(client_id, fetched.cause) : { client: narrow(fetched.client) }
  }

  return {
    ...registered,
    find: async client_id => {
      const client = await registered.find(client_id)
      if (client !== null || isWithheld(client_id)) return client
      const known = documents.last(client_id)
      return known === null ? null : narrow(known)
    },
    findFor: async (client_id, limit_key) => {
      const isElsewhere =
        isDocumentUrl(client_id) && !isWithheld(client_id) && (await registered.find(client_id)) === null
      return isElsewhere ? findDocument(client_id, limit_key) : registered.findFor(client_id, limit_key)
    },
  }
}

const refused = (client_id: string, cause: string): FoundClient => ({
  refusal: new OAuthError('client_document_refused', { client_id, cause }),
})

/** An address that is never fetched counts against no limit. */
const judgeAddress = (client_id: string, { outbound_allow }: ClientPolicy): string | null => {
  const judged = judgeOutboundUrl(client_id, outbound_allow)
  return 'refusal' in judged ? judged.refusal : null
}

const excessOf = async (
  limit: Limit,
  { client_id, limit_key }: Readonly<{ client_id: string; limit_key: string | null }>,
): Promise<FoundClient | null> => {
  const allowance = limit_key === null ? null : await limit.consume(limit_key)
  if (allowance === null || allowance.isAllowed) return null
  const detail = { client_id, retry_after_seconds: allowance.reset_seconds }
  return { refusal: new OAuthError('client_document_limit', detail) }
}

/** Fetches the document, and the keys of its `jwks_uri`, within DOCUMENT_MILLISECONDS. Throws Unavailable where it was this server that failed. */
const fetchClient = async ({ outbound, policy }: Needs, client_id: string): Promise<Fetched> => {
  const ends_at = performance.now() + DOCUMENT_MILLISECONDS
  const answer = await ask(outbound, { url: client_id, ends_at })
  if ('cause' in answer) return answer
  const document = readClientDocument(answer.body, client_id)
  if ('cause' in document) return document
  const keys = document.jwks_uri === null ? null : await ask(outbound, { url: document.jwks_uri, ends_at })
  if (keys !== null && 'cause' in keys) return { cause: `jwks_uri: ${keys.cause}` }
  const jwks = keys === null ? undefined : readKeys(keys.body)
  const parsed = documentClientOf(client_id, { document, jwks }, policy)
  if ('cause' in parsed) return parsed
  const answers = keys === null ? [answer] : [answer, keys]
  return { client: parsed.client, fresh_seconds: Math.min(...answers.map(keptSecondsOf)) }
}

type Asked = Readonly<{ url: string; ends_at: number }>

const ask = async (
  outbound: Outbound,
  { url, ends_at }: Asked,
): Promise<OutboundAnswer | Readonly<{ cause: string }>> => {
  const outcome = await outbound.send({
    url,
    method: 'GET',
    headers: { accept: 'application/json' },
    body: null,
    accept_bytes: DOCUMENT_MAX_BYTES,
    timeout_milliseconds: Math.max(1, ends_at - performance.now()),
  })
  if (outcome.outcome === 'answered')
    return outcome.status === 200 ? outcome : { cause: `status ${outcome.status}` }
  if (outcome.reason === 'busy' || outcome.reason === 'stopped')
    throw new Unavailable('outbound', 1, outcome.reason)
  return { cause: outcome.reason }
}

/** RFC 9111 §4.2.1 – By its headers, and within the bounds. */
const keptSecondsOf = ({ headers }: OutboundAnswer): number =>
  Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, freshSecondsOf(headers) ?? LEAST_SECONDS))
