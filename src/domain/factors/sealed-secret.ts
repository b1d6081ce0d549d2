import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { type Pepper, type Peppers, pepperById } from '../base/pepper.ts'

declare const sealed: unique symbol

/** A stored secret that must be readable again. Without the pepper, the database reveals nothing of it. */
export type SealedSecret = Uint8Array & { readonly [sealed]: 'sealed' }

/** NIST SP 800-38D §8.2.2 – 96 random bits, which do not repeat for any realistic number of accounts. */
export const NONCE_BYTES = 12
const VERSION = 1
const HEAD_BYTES = 2 + NONCE_BYTES
const TAG_BYTES = 16

/**
 * NIST SP 800-38D, RFC 5869 – AES-256-GCM under a key derived from the pepper: version (1 byte), pepper id (1), nonce (12), ciphertext,
 * tag (16). The owner is associated data: a sealed secret that is copied to another account's row cannot be opened.
 */
export const seal = (
  secret: Uint8Array,
  { owner, nonce }: Readonly<{ owner: string; nonce: Uint8Array }>,
  pepper: Pepper,
): SealedSecret => {
  const head = Buffer.from([VERSION, pepper.id, ...nonce])
  const cipher = createCipheriv('aes-256-gcm', keyOf(pepper), nonce)
  cipher.setAAD(associated(head, owner))
  const text = Buffer.concat([cipher.update(secret), cipher.final()])
  return Buffer.concat([head, text, cipher.getAuthTag()]) as Uint8Array as SealedSecret
}

/** The secret. Null when its pepper is no longer configured, or when the secret is not the owner's. */
export const unseal = (secret: SealedSecret, owner: string, peppers: Peppers): Uint8Array | null => {
  const bytes = Buffer.from(secret)
  const pepper = bytes[0] === VERSION ? pepperById(peppers, pepperIdOf(secret)) : undefined
  if (pepper === undefined || bytes.length < HEAD_BYTES + TAG_BYTES) return null
  const head = bytes.subarray(0, HEAD_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', keyOf(pepper), head.subarray(2), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(associated(head, owner))
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES, -TAG_BYTES)), decipher.final()])
  } catch {
    return null
  }
}

/** The pepper that sealed the secret. A secret of an older pepper is sealed again at its next use. */
export const pepperIdOf = (secret: SealedSecret): number => secret[1] ?? 0

const keyOf = ({ key }: Pepper): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, '', 'signet sealed secret', 32))

const associated = (head: Uint8Array, owner: string) => Buffer.concat([head, Buffer.from(owner)])
