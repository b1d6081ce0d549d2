import { digestOf, type Plain, sameDigest } from '../base/digest.ts'
import type { Client } from '../oauth/client.ts'

/** RFC 7592 §2.2 – Members that the server alone decides on. */
const OURS = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
]

/**
 * RFC 7592 §2.2 – Why a change is refused that names another client, another secret, or what only the server can say. The text begins with
 * the member. Null: it names none of them.
 */
export const judgeRegistrationChange = (
  body: Readonly<Record<string, unknown>>,
  { client_id, client_secret }: Pick<Client, 'client_id' | 'client_secret'>,
): string | null => {
  if (body['client_id'] !== client_id) return 'client_id: must be the one of this address'
  const ours = OURS.find(member => Object.hasOwn(body, member))
  if (ours !== undefined) return `${ours}: is not for the client to say`
  const given = body['client_secret'] ?? null
  if (given === null) return null
  const isPresent =
    typeof given === 'string' &&
    client_secret !== undefined &&
    sameDigest(digestOf(given as Plain<'client_secret'>), client_secret)
  return isPresent ? null : 'client_secret: must be the present one, or left out'
}
