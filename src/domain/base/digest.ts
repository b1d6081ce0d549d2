import { hash, timingSafeEqual } from 'node:crypto'

declare const plain: unique symbol
declare const digest: unique symbol

/** A secret in plain text. Never stored, never logged. */
export type Plain<K extends string> = string & { readonly [plain]: K }

/** The SHA-256 of a high-entropy secret, 32 bytes. Only digests are stored. */
export type Digest<K extends string> = Uint8Array & { readonly [digest]: K }

/** FIPS 180-4 – The SHA-256 digest of a secret. Only for secrets of 128 bits or more: passwords need a slow hash. */
export const digestOf = <K extends string>(secret: Plain<K>): Digest<K> =>
  pooled(hash('sha256', secret, 'binary')) as Uint8Array as Digest<K>

/** Bytes from a latin1 string, in pooled memory: for a digest as a Buffer, Node allocates memory at three times the cost of the digest. */
export const pooled = (bytes: string): Buffer => Buffer.from(bytes, 'binary')

/** Ours: compares digests in constant time, although an attacker cannot choose their bytes. */
export const sameDigest = <K extends string>(one: Digest<K>, other: Digest<K>): boolean =>
  timingSafeEqual(one, other)

/** Ours – The key of a counter: a digest, so that Redis holds no e-mail addresses and every key has one length. */
export const countingKeyOf = (text: string): string => hash('sha256', text)
