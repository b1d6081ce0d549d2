import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Digest, digestOf, type Plain, pooled } from '../base/digest.ts'
import { type Pepper, type Peppers, pepperById } from '../base/pepper.ts'
import { uuidOf } from '../base/uuid.ts'

export type RefreshToken = Plain<'refresh_token'>
export type RefreshTokenDigest = Digest<'refresh_token'>

/** The position of a token: its family, and the count of rotations before it. */
export type Position = Readonly<{
  family_id: string
  /** 16 random bytes, the same as in the family's row, so that a leaked pepper alone forges no token. */
  salt: Uint8Array
  /** 0–GENERATION_MAX, one more with each rotation. */
  generation: number
}>

export type PresentedRefreshToken = Position & Readonly<{ digest: RefreshTokenDigest }>

/** The highest generation that the family's row can store. The token's four bytes could hold more. */
export const GENERATION_MAX = 2 ** 31 - 1

const PREFIX = 'signet_rt_'
const VERSION = 1
const BODY_BYTES = 38
const TOKEN_BYTES = 70
/** Copied with `Buffer.from`, which takes pooled memory; `Buffer.alloc` does not. */
const BLANK = Buffer.alloc(TOKEN_BYTES)
const TOKEN_CHARACTERS = PREFIX.length + 94

/**
 * Ours – The refresh token of a position: a prefix that secret scanners find, then base64url of version (1 byte), pepper id (1), family
 * id (16), salt (16), generation (4, big-endian), HMAC-SHA-256 over them (32). Deterministic, so that the answer to a retry can be
 * recomputed and no secret has to be stored.
 */
export const refreshTokenAt = ({ family_id, salt, generation }: Position, pepper: Pepper): RefreshToken => {
  const token = Buffer.from(BLANK)
  token.writeUInt8(VERSION, 0)
  token.writeUInt8(pepper.id, 1)
  token.write(family_id.replaceAll('-', ''), 2, 'hex')
  token.set(salt, 18)
  token.writeUInt32BE(generation, 34)
  token.set(macOf(token.subarray(0, BODY_BYTES), pepper), BODY_BYTES)
  return (PREFIX + token.toString('base64url')) as RefreshToken
}

/**
 * Ours – Reads a presented token. Null unless the token is canonical and has a MAC under one of the peppers, compared in constant time.
 * Garbage therefore costs no query, and a family id, which is public as `sid`, is not enough to touch the family.
 */
export const parseRefreshToken = (text: string, peppers: Peppers): PresentedRefreshToken | null => {
  if (text.length !== TOKEN_CHARACTERS || !text.startsWith(PREFIX)) return null
  const encoded = text.slice(PREFIX.length)
  const token = Buffer.from(encoded, 'base64url')
  if (token.length !== TOKEN_BYTES || token.toString('base64url') !== encoded) return null
  if (token.readUInt8(0) !== VERSION) return null
  const pepper = pepperById(peppers, token.readUInt8(1))
  if (pepper === undefined) return null
  if (!timingSafeEqual(macOf(token.subarray(0, BODY_BYTES), pepper), token.subarray(BODY_BYTES))) return null
  return {
    family_id: uuidOf(token.subarray(2, 18)),
    salt: token.subarray(18, 34),
    generation: token.readUInt32BE(34),
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
