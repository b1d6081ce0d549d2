import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Digest, digestOf, type Plain, pooled, sameDigest } from '../base/digest.ts'
import { type Pepper, type Peppers, pepperById } from '../base/pepper.ts'
import { UUID_BYTES, uuidOf } from '../base/uuid.ts'

export type RefreshToken = Plain<'refresh_token'>
export type RefreshTokenDigest = Digest<'refresh_token'>

/** The position of a token: its family, and the count of rotations before it. */
export type Position = Readonly<{
  family_id: string
  /** The family's person, whom a token of version 2 names; null: a token of version 1, which names none. */
  user_id: string | null
  /** 16 random bytes, the same as in the family's row, so that a leaked pepper alone forges no token. */
  salt: Uint8Array
  /** 0–GENERATION_MAX, one more with each rotation. */
  generation: number
}>

export type PresentedRefreshToken = Position & Readonly<{ digest: RefreshTokenDigest }>

/** The highest generation that the family's row can store. The token's four bytes could hold more. */
export const GENERATION_MAX = 2 ** 31 - 1

/** The newest version: REFRESH_TOKEN_VERSION chooses the one in which the tokens of a new family are issued. */
export const REFRESH_TOKEN_VERSION_MAX = 2

/** True for the version whose tokens name the person of their family. */
export const namesPerson = (version: number): boolean => version === 2

const PREFIX = 'signet_rt_'
const MAC_BYTES = 32
/** After the version, the pepper id and the family id: the person's id in version 2. Then salt, generation and MAC. */
const OWNER_AT = 2 + UUID_BYTES

type Layout = Readonly<{
  version: number
  salt_at: number
  generation_at: number
  mac_at: number
  characters: number
  /** Copied with `Buffer.from`, which takes pooled memory; `Buffer.alloc` does not. */
  blank: Buffer
}>

const layoutOf = (version: number, owner_bytes: number): Layout => {
  const salt_at = OWNER_AT + owner_bytes
  const generation_at = salt_at + 16
  const mac_at = generation_at + 4
  const bytes = mac_at + MAC_BYTES
  const characters = PREFIX.length + Math.ceil((bytes * 4) / 3)
  return { version, salt_at, generation_at, mac_at, characters, blank: Buffer.alloc(bytes) }
}

const ANONYMOUS = layoutOf(1, 0)
const OWNED = layoutOf(2, UUID_BYTES)

/**
 * Ours – The refresh token of a position: a prefix that secret scanners find, then base64url of version (1 byte), pepper id (1), family
 * id (16), in version 2 the person's id (16), salt (16), generation (4, big-endian), HMAC-SHA-256 over them (32). Deterministic, so that
 * the answer to a retry can be recomputed and no secret has to be stored.
 */
export const refreshTokenAt = (
  { family_id, user_id, salt, generation }: Position,
  pepper: Pepper,
): RefreshToken => {
  const { version, salt_at, generation_at, mac_at, blank } = user_id === null ? ANONYMOUS : OWNED
  const token = Buffer.from(blank)
  token.writeUInt8(version, 0)
  token.writeUInt8(pepper.id, 1)
  token.write(family_id.replaceAll('-', ''), 2, 'hex')
  if (user_id !== null) token.write(user_id.replaceAll('-', ''), OWNER_AT, 'hex')
  token.set(salt, salt_at)
  token.writeUInt32BE(generation, generation_at)
  token.set(macOf(token.subarray(0, mac_at), pepper), mac_at)
  return (PREFIX + token.toString('base64url')) as RefreshToken
}

/** What the row of a family tells of its current token. */
type IssuedTo = Readonly<{
  id: string
  user_id: string
  salt: Uint8Array
  generation: number
  pepper_id: number
  token_digest: RefreshTokenDigest
}>

/**
 * Ours – The current token of a family, recomputed in the version in which it was issued, which the row's digest tells: a token of the
 * other version would read as forged. Null when its pepper is configured no longer.
 */
export const currentTokenOf = (
  { id: family_id, user_id, salt, generation, pepper_id, token_digest }: IssuedTo,
  peppers: Peppers,
): RefreshToken | null => {
  const pepper = pepperById(peppers, pepper_id)
  if (pepper === undefined) return null
  for (const owner of [null, user_id]) {
    const token = refreshTokenAt({ family_id, user_id: owner, salt, generation }, pepper)
    if (sameDigest(digestOf(token), token_digest)) return token
  }
  return null
}

/**
 * Ours – Reads a presented token. Null unless the token is canonical and has a MAC under one of the peppers, compared in constant time.
 * Garbage therefore costs no query, and a family id, which is public as `sid`, is not enough to touch the family.
 */
export const parseRefreshToken = (text: string, peppers: Peppers): PresentedRefreshToken | null => {
  const layout = [ANONYMOUS, OWNED].find(({ characters }) => characters === text.length)
  if (layout === undefined || !text.startsWith(PREFIX)) return null
  const { version, salt_at, generation_at, mac_at, blank } = layout
  const encoded = text.slice(PREFIX.length)
  const token = Buffer.from(encoded, 'base64url')
  if (token.length !== blank.length || token.toString('base64url') !== encoded) return null
  if (token.readUInt8(0) !== version) return null
  const pepper = pepperById(peppers, token.readUInt8(1))
  if (pepper === undefined) return null
  if (!timingSafeEqual(macOf(token.subarray(0, mac_at), pepper), token.subarray(mac_at))) return null
  return {
    family_id: uuidOf(token.subarray(2, OWNER_AT)),
    user_id: layout === OWNED ? uuidOf(token.subarray(OWNER_AT, salt_at)) : null,
    salt: token.subarray(salt_at, generation_at),
    generation: token.readUInt32BE(generation_at),
    digest: digestOf(text as RefreshToken),
  }
}

const macOf = (body: Uint8Array, pepper: Pepper): Buffer =>
  pooled(createHmac('sha256', pepper.key).update(body).digest('binary'))

/**
 * Ours – Proves that a request is a retry of an earlier one: the digest of its Idempotency-Key and of everything that the answer depends
 * on. Null without the header, and null matches no proof.
 */
export const retryProofOf = (retry: {
  idempotency_key: string | undefined
  client_id: string
  scope: readonly string[] | null
  resources: readonly string[]
}): Digest<'retry_proof'> | null => {
  if (retry.idempotency_key === undefined) return null
  const parts = [
    retry.idempotency_key,
    retry.client_id,
    retry.scope?.toSorted() ?? null,
    retry.resources.toSorted(),
  ]
  return digestOf(JSON.stringify(parts) as Plain<'retry_proof'>)
}
