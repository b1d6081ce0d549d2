import { type Digest, digestOf, type Plain } from '../base/digest.ts'
import type { ClientRecord } from '../oauth/client.ts'

/** A client in the form of CLIENTS_FILE, as an operator gives it. */
export type GivenClient = Readonly<{
  client_id: string
  metadata: string
  usesSecret: boolean
  /** Null where the input has none. */
  client_secret: Plain<'client_secret'> | null
}>

export type RegisteredClient = Pick<ClientRecord, 'client_id' | 'metadata' | 'client_secret_digest'>

/** The entry with this secret in place of the one that is missing, so that all other members are judged at once. */
export const withSecret = (entry: unknown, client_secret: string): unknown => {
  if (typeof entry !== 'object' || entry === null || 'client_secret' in entry) return entry
  const method = 'token_endpoint_auth_method' in entry ? entry.token_endpoint_auth_method : undefined
  return method === 'none' || method === 'private_key_jwt' ? entry : { ...entry, client_secret }
}

/** The secret of an entry apart from its other members. */
export const splitSecret = (entry: unknown): Pick<GivenClient, 'metadata' | 'client_secret'> => {
  const members = Object.entries(Object(entry))
  const secret = members.find(([name]) => name === 'client_secret')?.[1]
  const metadata = members.filter(([name]) => name !== 'client_id' && name !== 'client_secret')
  return {
    metadata: JSON.stringify(Object.fromEntries(metadata)),
    client_secret: typeof secret === 'string' ? (secret as Plain<'client_secret'>) : null,
  }
}

/** The new registration with its secret: the one that is given, else the one that is generated, else the one that is kept. */
export const register = (
  { client_id, metadata, usesSecret: isUsed, client_secret }: GivenClient,
  {
    generated,
    kept,
  }: Readonly<{ generated: Plain<'client_secret'> | null; kept: Digest<'client_secret'> | null }>,
): RegisteredClient => {
  const plain = client_secret ?? generated
  const client_secret_digest = plain === null ? (isUsed ? kept : null) : digestOf(plain)
  return { client_id, metadata, client_secret_digest }
}
