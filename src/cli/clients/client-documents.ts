import { NO_AUDIENCE } from '../../compose/clients.ts'
import { type Config, clientPolicyOf, registrationAudiencesOf } from '../../config.ts'
import { isDocumentUrl } from '../../domain/clients/client-document.ts'
import { createLimits } from '../../ephemeral/limits.ts'
import { createDocumentClients } from '../../flows/clients/document-clients.ts'
import { absentMetrics } from '../../platform/metrics.ts'
import { createOutbound } from '../../platform/outbound/outbound.ts'
import type { Clients } from '../../ports/clients.ts'
import { printable } from '../terminal/printable.ts'

type Given = Readonly<{
  /** The addresses of documents that the operator wants to be fetched. */
  documents: readonly string[]
  /** PEM. By default the authorities that this process trusts. */
  authorities?: string
}>

/**
 * Ours – Fetches and judges client ID metadata documents as a server does at a request. Only those that the operator names: by itself the
 * command calls no server of others.
 */
export const examineDocuments = async (
  config: Config,
  { documents, authorities }: Given,
): Promise<Readonly<{ fault: string | null; note?: string }>> => {
  if (config.CLIENT_ID_DOCUMENTS === 'off') return { fault: TURNED_OFF }
  const audiences = registrationAudiencesOf(config)
  if (audiences.length === 0) return { fault: NO_AUDIENCE }
  const outbound = createOutbound({
    allow: config.OUTBOUND_ALLOW,
    ...(authorities === undefined ? {} : { authorities }),
  })
  const clients = createDocumentClients({
    registered: NONE,
    isWithheld: () => false,
    outbound,
    limit: createLimits({ redis: null, metrics: absentMetrics })('client-documents', null),
    policy: clientPolicyOf(config),
    selfRegistration: () => ({ audiences, scopes: [], refresh_grace_seconds: 0 }),
    clock: () => new Date(),
  })
  try {
    const faults = await Promise.all(documents.map(address => findFault(clients, address)))
    const found = faults.filter(fault => fault !== null)
    if (found.length > 0) return { fault: found.map(printable).join('; ') }
    return {
      fault: null,
      note: documents.length === 0 ? NONE_NAMED : `${documents.length} fetched and understood`,
    }
  } finally {
    outbound.close()
  }
}

const findFault = async (clients: Clients, address: string): Promise<string | null> => {
  if (!isDocumentUrl(address))
    return `${address} is no address of a document: it must be https with a path, in the spelling of a URL parser, without a fragment`
  const found = await clients.findFor(address, null)
  return 'client' in found ? null : `${address}: ${found.refusal.detail.cause ?? found.refusal.reason}`
}

const TURNED_OFF = 'CLIENT_ID_DOCUMENTS is off, so that no document is taken: set it to on'
const NONE_NAMED =
  'none was fetched; name one with --document https://agent.example/client.json to see whether this server can use it'

/** A start warns of what is registered; here the documents alone are looked at. */
const NONE: Clients = {
  find: async () => null,
  findFor: async () => {
    throw new Error('no client is registered here')
  },
  all: async () => [],
  hasOrigin: () => false,
  hasFirstPartyOrigin: () => false,
}
