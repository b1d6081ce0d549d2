import { type Config, clientPolicyOf } from '../../config.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { readClientsFile } from '../../platform/clients-file.ts'
import { examineStoredClients } from '../clients/stored-clients.ts'

/** An origin whose pages ask the server; `client_id` is null for one of CORS_ORIGINS. */
export type BrowserOrigin = Readonly<{ origin: string; client_id: string | null; isFirstParty: boolean }>

/** The origins of CORS_ORIGINS and of the public clients, whose pages may run in a browser. A file that cannot be read has none. */
export const readBrowserOrigins = async (config: Config): Promise<readonly BrowserOrigin[]> => {
  const policy = clientPolicyOf(config)
  const listed = await readListed(config, policy)
  const ids = new Set(listed.map(({ client_id }) => client_id))
  const stored = await examineStoredClients(config, { policy, listed: ids })
  const own = config.CORS_ORIGINS.map(origin => ({ origin, client_id: null, isFirstParty: true }))
  return [...own, ...[...listed, ...(stored?.usable ?? [])].flatMap(originsIn)]
}

const readListed = async (
  { CLIENTS_FILE }: Config,
  policy: ReturnType<typeof clientPolicyOf>,
): Promise<readonly Client[]> => {
  if (CLIENTS_FILE === null) return []
  try {
    return await readClientsFile(CLIENTS_FILE, policy)
  } catch (error) {
    if (error instanceof StartFault) return []
    throw error
  }
}

/** The redirect URI of an application on a device has a scheme of its own, and no origin. */
const originsIn = (client: Client): readonly BrowserOrigin[] => {
  if (client.token_endpoint_auth_method !== 'none') return []
  const origins = client.redirect_uris.map(uri => new URL(uri).origin).filter(origin => origin !== 'null')
  return [...new Set(origins)].map(origin => ({
    origin,
    client_id: client.client_id,
    isFirstParty: client.first_party,
  }))
}
