import { digestOf, type Plain } from '../../domain/base/digest.ts'
import type { Peppers } from '../../domain/base/pepper.ts'
import { SECRET_BYTES } from '../../domain/base/personal-secret.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { judgeRegistrationChange } from '../../domain/clients/registration-change.ts'
import { type RegistrationRefusal, refusedHostOf } from '../../domain/clients/registration-refusals.ts'
import {
  describeRegistration,
  readRegistration,
  registeredClientOf,
} from '../../domain/clients/registration-request.ts'
import {
  ID_RANDOM_BYTES,
  registrationAccessTokenOf,
  type SealedRegistration,
  sealClientId,
} from '../../domain/clients/sealed-client-id.ts'
import { withinPolicy } from '../../domain/clients/self-registration.ts'
import { rowMetadataOf } from '../../domain/clients/stored-registration.ts'
import { judgeRegistration } from '../../domain/oauth/access-token-length.ts'
import { type Client, usesSecret } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { ClientPolicy } from '../../domain/oauth/parse-clients.ts'
import type { RegistrationRows, RegistrationTokens } from '../../ports/clients.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import type { Limit } from '../../ports/limits.ts'
import type { Endings } from '../../ports/revocations.ts'
import { bearerOf, createAuthorizeRegistration } from './authorize-registration.ts'
import type { CurrentPolicy } from './narrow.ts'

type Needs = Readonly<{
  mode: 'off' | 'token' | 'open'
  issuer: string
  /** Null: no id has ever been sealed here. */
  keys: Peppers | null
  policy: ClientPolicy
  selfRegistration: CurrentPolicy
  refusals: () => readonly RegistrationRefusal[]
  rows: RegistrationRows
  tokens: Pick<RegistrationTokens, 'spend'>
  endings: Pick<Endings, 'endClient'>
  /** Lets this instance know a change at once that it has made. */
  lookNow: () => Promise<void>
  /** Registrations and readings of one address, and what writes a row. */
  limit: Limit
  changeLimit: Limit
  random: Random
  clock: Clock
}>

type Asked = Readonly<{ authorization: string | undefined; limit_key: string }>
type Body = Readonly<Record<string, unknown>>
type Secret = Plain<'client_secret'>

/** RFC 7591 §3.2.1 – What a client is told of its registration. No member is null. */
type Answer = Readonly<{ client_id: string; body: object }>

/** RFC 7591, RFC 7592 – Clients that register themselves, and manage their registrations. */
export const createRegistration = (needs: Needs) => {
  const { mode, issuer, rows } = needs
  const judge = createJudge(needs)
  const authorize = createAuthorizeRegistration(needs)
  const answer = createAnswer(needs)

  const register = async (body: Body, { authorization, limit_key }: Asked): Promise<Answer> => {
    const { keys } = needs
    if (mode === 'off' || keys === null) throw new OAuthError('registration_off')
    await requireRoom(needs.limit, limit_key)
    const initial = mode === 'token' ? bearerOf(authorization) : null
    const { metadata, method } = judge(body)
    const issued_at = Math.floor(needs.clock().getTime() / 1000)
    const seal = (sealed: SealedRegistration) =>
      sealClientId(sealed, { issuer, keys }, needs.random.bytes(ID_RANDOM_BYTES))
    const secret = usesSecret(method) ? createSecret(needs.random) : null
    const whole = secret === null ? seal({ issued_at, metadata }) : null
    if (whole === null) await requireRoom(needs.changeLimit, limit_key)
    const client_id = whole ?? seal({ issued_at, metadata: null })
    if (client_id === null) throw new Error('an id without metadata is too long')
    const client = clientOf({ client_id, metadata, secret: secret && digestOf(secret) }, needs)
    if (initial !== null && !(await needs.tokens.spend(digestOf(initial as Plain<'initial_access_token'>))))
      throw new OAuthError('initial_access_token_invalid')
    if (whole === null)
      await addRow(rows, {
        ...rowOf({ client_id, metadata, secret: secret && digestOf(secret) }),
        event: 'client.registered',
      })
    return answer({ client, issued_at, secret })
  }

  const read = async (client_id: string, asked: Asked): Promise<Answer> => {
    await requireRoom(needs.limit, asked.limit_key)
    const { client, sealed } = await authorize(client_id, asked.authorization)
    return answer({ client, issued_at: sealed.issued_at, secret: null })
  }

  const replace = async (client_id: string, body: Body, asked: Asked): Promise<Answer> => {
    await requireRoom(needs.changeLimit, asked.limit_key)
    const { client: before, sealed } = await authorize(client_id, asked.authorization)
    const foreign = judgeRegistrationChange(body, before)
    if (foreign !== null) throw new OAuthError('registration_metadata', { client_id, cause: foreign })
    const { metadata, method } = judge(body)
    const kept = before.client_secret ?? null
    const secret = usesSecret(method) && kept === null ? createSecret(needs.random) : null
    const digest = secret === null ? (usesSecret(method) ? kept : null) : digestOf(secret)
    const client = clientOf({ client_id, metadata, secret: digest }, needs)
    const row = rowOf({ client_id, metadata, secret: digest })
    if (!(await putRow(rows, sealed, { ...row, event: 'client.changed' })))
      throw new OAuthError('registration_deleted', { client_id })
    await needs.lookNow()
    return answer({ client, issued_at: sealed.issued_at, secret })
  }

  const remove = async (client_id: string, asked: Asked): Promise<void> => {
    await requireRoom(needs.changeLimit, asked.limit_key)
    const { sealed } = await authorize(client_id, asked.authorization)
    // RFC 7592 §2.3. First: a deletion whose answer was lost cannot be asked for again.
    await needs.endings.endClient(client_id)
    const deleted = { client_id, metadata: rowMetadataOf('deleted'), client_secret_digest: null }
    if (sealed.metadata === null) await rows.delete(client_id)
    else await putRow(rows, sealed, { ...deleted, event: 'client.deleted' })
    await needs.lookNow()
  }

  return { register, read, replace, remove }
}

export type Registration = ReturnType<typeof createRegistration>

const requireRoom = async (limit: Limit, key: string): Promise<void> => {
  const allowance = await limit.consume(key)
  if (allowance?.isAllowed === false)
    throw new OAuthError('registration_limit', { retry_after_seconds: allowance.reset_seconds })
}

const createSecret = (random: Random): Secret =>
  Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url') as Secret

/** RFC 7591 §2 – What a request asks to be registered as, judged but for what depends on the id. Throws OAuthError. */
const createJudge =
  ({ refusals }: Needs) =>
  (body: Body): Readonly<{ metadata: string; method: Client['token_endpoint_auth_method'] }> => {
    const read = readRegistration(body)
    if ('reason' in read) throw new OAuthError(read.reason, { cause: read.cause })
    const host = refusedHostOf(read.redirect_uris, refusals())
    if (host !== null)
      throw new OAuthError('registration_redirect_uri', { cause: `redirect_uris: ${host} is refused here` })
    return { metadata: read.metadata, method: read.token_endpoint_auth_method }
  }

type Described = Readonly<{ client_id: string; metadata: string; secret: Client['client_secret'] | null }>

/** The client as it would be used now. Throws OAuthError where it could not be. */
const clientOf = (
  { client_id, metadata, secret }: Described,
  { policy, selfRegistration }: Needs,
): Client => {
  const record = { client_id, metadata, client_secret_digest: secret ?? null }
  const parsed = registeredClientOf(record, policy)
  if ('faults' in parsed) throw new OAuthError('registration_metadata', { cause: parsed.faults[0] ?? '' })
  const client = withinPolicy(parsed.client, selfRegistration())
  if (client.scope === '' && parsed.client.scope !== '')
    throw new OAuthError('registration_metadata', { cause: 'scope: none of its values can be had here' })
  const tooLong = judgeRegistration(client, policy)
  if (tooLong !== null) throw new OAuthError('registration_metadata', { cause: tooLong })
  return client
}

const rowOf = ({ client_id, metadata, secret }: Described) => ({
  client_id,
  metadata: rowMetadataOf({ metadata }),
  client_secret_digest: secret ?? null,
})

type Added = Omit<Parameters<RegistrationRows['add']>[0], 'isDisabled'>

/** Seconds after which a client may try again that found no room: an operator has to make some. */
const FULL_SECONDS = 3_600

const addRow = async (rows: RegistrationRows, row: Added): Promise<boolean> => {
  const added = await rows.add({ ...row, isDisabled: false })
  if (added === 'full') throw new Unavailable('registrations', FULL_SECONDS, 'too many rows of registrations')
  return added === 'added'
}

/** Changes the row of the client, or adds one where its id has told everything until now. False: the client was deleted. */
const putRow = async (
  rows: RegistrationRows,
  sealed: SealedRegistration,
  { event, ...row }: Added,
): Promise<boolean> => {
  if (await rows.change(row)) return true
  if (sealed.metadata === null) return false
  // Another request may have added the row meanwhile.
  return (await addRow(rows, { ...row, event })) || rows.change(row)
}

type Told = Readonly<{ client: Client; issued_at: number; secret: Secret | null }>

const createAnswer =
  ({ issuer, keys }: Needs) =>
  ({ client, issued_at, secret }: Told): Answer => {
    const { client_id } = client
    const registration_access_token = keys && registrationAccessTokenOf(client_id, { issuer, keys })
    return {
      client_id,
      body: {
        client_id,
        client_id_issued_at: issued_at,
        // RFC 7591 §3.2.1 – 0: it does not expire.
        ...(secret === null ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
        registration_access_token,
        registration_client_uri: `${issuer}/register/${client_id}`,
        ...describeRegistration(client),
      },
    }
  }
