import { type Ceremony, readPayload } from '../../domain/factors/ceremony.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { RefreshTransport } from '../../domain/sign-in/refresh-family.ts'
import type { Clients } from '../../ports/clients.ts'
import type { RequireResources } from '../access/require-resources.ts'

/** Throws where the page that sent the request may not act for this client by this transport. */
export type Admit = (client: Client, refresh_transport: RefreshTransport) => void

type Needs = Readonly<{ clients: Clients; requireResources: RequireResources }>

/**
 * Finds the client of a resumed sign-in and reads the payload of the ceremony. Throws where the client's registration is gone, or no longer
 * allows the sign-in that was begun.
 */
export const admitClient = async (
  { clients, requireResources }: Needs,
  { client_id, refresh_transport, payload }: Pick<Ceremony, 'client_id' | 'refresh_transport' | 'payload'>,
  admit: Admit,
) => {
  const client = await clients.find(client_id)
  if (!client?.first_party) throw new Problem('AUTH_CEREMONY_OVER', { reason: 'client_gone' })
  admit(client, refresh_transport)
  const { challenge, resources } = readPayload(payload)
  requireResources(client, resources)
  return { client, challenge, resources }
}
