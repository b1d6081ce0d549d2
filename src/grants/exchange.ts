import { type Form, requireParameter } from '../domain/oauth/form.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import type { TracedSource } from '../domain/sign-in/refresh-family.ts'
import type { Metrics } from '../ports/effects.ts'
import type { AuthenticateClient } from './client-authentication.ts'
import type { ProveSender } from './dpop.ts'
import type { Grant, Granted } from './grant.ts'

export type ExchangeRequest = Readonly<{
  form: Form
  authorization: string | undefined
  idempotency_key: string | undefined
  /** RFC 9449 §4.1 – The header `DPoP`. */
  proof: string | undefined
  source: TracedSource
  limit_key: string
}>

export type Exchange = (request: ExchangeRequest) => Promise<Granted & Readonly<{ grant_type: string }>>

type Needs = Readonly<{
  authenticateClient: AuthenticateClient
  proveSender: ProveSender
  grants: readonly Grant[]
  metrics: Metrics
}>

/** RFC 6749 §3.2 – The token endpoint: authenticates the client, finds the grant, and asks whether the client is registered for it. */
export const createExchange = ({ authenticateClient, proveSender, grants, metrics }: Needs): Exchange => {
  const byType = new Map(grants.map(grant => [grant.grant_type, grant]))
  return async ({ form, authorization, idempotency_key, proof, source, limit_key }) => {
    const grant_type = requireParameter(form, 'grant_type')
    const client = await authenticateClient({ authorization, form, limit_key })
    const { client_id } = client
    const grant = byType.get(grant_type)
    if (grant === undefined) throw new OAuthError('grant_type_unsupported', { client_id })
    if (!client.grant_types.includes(grant_type))
      throw new OAuthError('grant_type_not_registered', { client_id, grant_type })
    const granted = await grant.exchange({
      client,
      form,
      source,
      idempotency_key,
      proveSender: () => proveSender(client, { proof, path: '/token' }),
    })
    metrics.issued(grant_type)
    return { grant_type, ...granted }
  }
}
