import type { Client } from '../../domain/oauth/client.ts'
import type { Form } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { Keys } from '../../ports/keys.ts'

type Needs = Readonly<{ keys: Keys; issuer: string }>

/**
 * OpenID Connect Core §3.1.2.1 – The person of an `id_token_hint`: an ID token of ours that was issued to this client. It may have expired:
 * it tells which person is meant, and proves nothing about who is here. Null without one. Throws an OAuthError.
 */
export const readIdTokenHint = (
  { keys, issuer }: Needs,
  form: Form,
  { client_id }: Client,
): string | null => {
  const hint = form.get('id_token_hint')
  if (hint === undefined) return null
  const claims = keys.verify('JWT', hint)
  if (claims?.['iss'] !== issuer || claims['aud'] !== client_id || typeof claims['sub'] !== 'string')
    throw new OAuthError('id_token_hint_invalid')
  return claims['sub']
}
