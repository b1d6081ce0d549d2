import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Plain } from '../base/digest.ts'
import { type Pepper, type Peppers, pepperById } from '../base/pepper.ts'
import { sealedPepperIdOf, sealText, unsealText } from '../factors/sealed-secret.ts'

/** What the id of a client that has registered itself tells. */
export type SealedRegistration = Readonly<{
  /** Seconds since 1970. */
  issued_at: number
  /** JSON with the members that it was registered with. Null: a row of the database has them. */
  metadata: string | null
}>

const PREFIX = 'signet_client_'

/** Ours: characters of a `client_id`, at most. It stands in addresses, in tokens and in cookies of others. */
const ID_MOST_CHARACTERS = 1_024

/** Random bytes of an id: the first half draws its key, the second half is the nonce. */
export const ID_RANDOM_BYTES = 24
const SALT_CHARACTERS = 16

/** `issuer`: an id of one issuer opens nothing at another that has the same keys. */
type Keys = Readonly<{ issuer: string; keys: Peppers }>

/**
 * NIST SP 800-38D – The id of a registration, which carries it: a prefix, 12 random bytes that draw a key of the id's own, then the sealed
 * text. Strangers make ids at will, and one key may seal 2^32 texts at most. Null where the id would have more than 1,024 characters.
 */
export const sealClientId = (
  { issued_at, metadata }: SealedRegistration,
  { issuer, keys: [key] }: Keys,
  random: Uint8Array,
): string | null => {
  const salt = Buffer.from(random.subarray(0, ID_RANDOM_BYTES / 2)).toString('base64url')
  const nonce = random.subarray(ID_RANDOM_BYTES / 2)
  const text = metadata === null ? String(issued_at) : `${issued_at} ${metadata}`
  const sealed = sealText(text, { use: 'client id', owner: ownerOf(salt, issuer), nonce }, key)
  const client_id = PREFIX + salt + sealed
  return client_id.length <= ID_MOST_CHARACTERS ? client_id : null
}

/** True for a text of the form of such an id, which need not open. */
export const hasSealedForm = (client_id: string): boolean => findSealed(client_id) !== null

/**
 * Ours – The reverse of `sealClientId`. Null for every text but one that a server of this issuer has sealed, in the one spelling that it
 * wrote: a second spelling would be another client, which is not disabled with the first.
 */
export const openClientId = (client_id: string, { issuer, keys }: Keys): SealedRegistration | null => {
  const found = findSealed(client_id)
  if (found === null) return null
  const text = unsealText(found.sealed, { use: 'client id', owner: ownerOf(found.salt, issuer) }, keys)
  if (text === null) return null
  const [issued_at = '', metadata] = text.split(/ (.*)/s)
  return { issued_at: SECONDS.parse(issued_at), metadata: metadata ?? null }
}

const SECONDS = z.string().regex(/^\d+$/).transform(Number)

const ownerOf = (salt: string, issuer: string) => `${salt} of ${issuer}`

const findSealed = (client_id: string): Readonly<{ salt: string; sealed: string }> | null => {
  if (!client_id.startsWith(PREFIX) || client_id.length > ID_MOST_CHARACTERS) return null
  const encoded = client_id.slice(PREFIX.length)
  if (Buffer.from(encoded, 'base64url').toString('base64url') !== encoded) return null
  const [salt, sealed] = [encoded.slice(0, SALT_CHARACTERS), encoded.slice(SALT_CHARACTERS)]
  // The parts are decoded apart: 12 bytes are 16 characters without a rest, so that the whole has one spelling where both have.
  return sealed === '' ? null : { salt, sealed }
}

/** RFC 7592 §3 – What a client manages its registration with. */
export type RegistrationAccessToken = Plain<'registration_access_token'>

const TOKEN_PREFIX = 'signet_ra_'

/**
 * RFC 7592 §3 – The registration access token of a client: a MAC of its id, under the key that sealed the id, so that nothing is stored for
 * it and it lives as long as the id. Null where that key is not configured.
 */
export const registrationAccessTokenOf = (
  client_id: string,
  { issuer, keys }: Keys,
): RegistrationAccessToken | null => {
  const found = findSealed(client_id)
  const key = found && pepperById(keys, sealedPepperIdOf(found.sealed))
  return key ? tokenUnder(key, `registration access token of ${client_id} of ${issuer}`) : null
}

const tokenUnder = ({ key }: Pepper, text: string): RegistrationAccessToken =>
  (TOKEN_PREFIX + createHmac('sha256', key).update(text).digest('base64url')) as RegistrationAccessToken

/** Ours – Whether a presented token is the one of the client, compared in constant time. */
export const isRegistrationAccessToken = (presented: string, client_id: string, keys: Keys): boolean => {
  const token = registrationAccessTokenOf(client_id, keys)
  const [own, other] = [Buffer.from(token ?? ''), Buffer.from(presented)]
  return token !== null && own.length === other.length && timingSafeEqual(own, other)
}
