import type { Peppers } from '../../domain/base/pepper.ts'
import { isRefused, type RegistrationRefusal } from '../../domain/clients/registration-refusals.ts'
import { registeredClientOf } from '../../domain/clients/registration-request.ts'
import {
  isRegistrationAccessToken,
  openClientId,
  type SealedRegistration,
} from '../../domain/clients/sealed-client-id.ts'
import { withinPolicy } from '../../domain/clients/self-registration.ts'
import { readRegistrationRow } from '../../domain/clients/stored-registration.ts'
import type { Client, ClientRecord } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { ClientPolicy } from '../../domain/oauth/parse-clients.ts'
import type { RegistrationRows } from '../../ports/clients.ts'
import type { CurrentPolicy } from './narrow.ts'

type Needs = Readonly<{
  issuer: string
  /** Null: no id has ever been sealed here. */
  keys: Peppers | null
  policy: ClientPolicy
  selfRegistration: CurrentPolicy
  refusals: () => readonly RegistrationRefusal[]
  rows: Pick<RegistrationRows, 'find'>
}>

/** RFC 6750 §2.1 – The token of the header. Throws OAuthError where there is none. */
export const bearerOf = (authorization: string | undefined): string => {
  const token = /^bearer ([\w.~+/-]{1,200}=*)$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) throw new OAuthError('registration_token_missing')
  return token
}

type Authorized = Readonly<{ client: Client; sealed: SealedRegistration }>

/** RFC 7592 §2 – The client whose registration access token was presented, as the database has it now. Throws OAuthError. */
export const createAuthorizeRegistration =
  (needs: Needs) =>
  async (client_id: string, authorization: string | undefined): Promise<Authorized> => {
    const { issuer, keys, rows, policy, selfRegistration, refusals } = needs
    const token = bearerOf(authorization)
    const sealed = keys && openClientId(client_id, { issuer, keys })
    if (!keys || !sealed || !isRegistrationAccessToken(token, client_id, { issuer, keys }))
      throw new OAuthError('registration_token_invalid')
    const record = await rows.find(client_id)
    const metadata = currentMetadataOf(record, sealed)
    if (metadata === null) throw new OAuthError('registration_deleted', { client_id })
    const client_secret_digest = record?.client_secret_digest ?? null
    const parsed = registeredClientOf({ client_id, metadata, client_secret_digest }, policy)
    if ('faults' in parsed) throw new OAuthError('registration_deleted', { client_id })
    const isDisabled = record !== null && record.disabled_at !== null
    if (isDisabled || isRefused(parsed.client, sealed.issued_at, refusals()))
      throw new OAuthError('registration_refused', { client_id })
    return { client: withinPolicy(parsed.client, selfRegistration()), sealed }
  }

/** Null: the client was deleted, or an operator has given its id to another one. */
const currentMetadataOf = (record: ClientRecord | null, sealed: SealedRegistration): string | null => {
  if (record === null) return sealed.metadata
  const state = readRegistrationRow(record.metadata)
  if (state === 'sealed') return sealed.metadata
  return state === null || state === 'deleted' ? null : state.metadata
}
