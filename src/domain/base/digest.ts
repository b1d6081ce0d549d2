import { hash, timingSafeEqual } from 'node:crypto'

declare const plain: unique symbol
declare const digest: unique symbol

/** A secret as its owner holds it. Never stored, never logged. */
export type Plain<K extends string> = string & { readonly [plain]: K }

/** The SHA-256 of a high-entropy secret, 32 bytes: all that is ever stored of one. */
export type Digest<K extends string> = Uint8Array & { readonly [digest]: K }

/** FIPS 180-4 – The SHA-256 digest of a secret. Only for secrets of 128 bits or more: passwords are hashed slowly. */
export const digestOf = <K extends string>(secret: Plain<K>): Digest<K> =>
  pooled(hash('sha256', secret, 'binary')) as Uint8Array as Digest<K>

/** Bytes that Node gives as a string of latin1: asked for a Buffer, it makes memory for it alone, at three times the price of a digest. */
export const pooled = (bytes: string): Buffer => Buffer.from(bytes, 'binary')

/** Ours: digests are compared in constant time although their preimages cannot be steered. */
export const sameDigest = <K extends string>(one: Digest<K>, other: Digest<K>): boolean =>
  timingSafeEqual(one, other)

/** Ours – What somebody is counted by: nobody's e-mail lies about in Redis, and a long one takes no more room than a short one. */
export const countingKeyOf = (text: string): string => hash('sha256', text)
