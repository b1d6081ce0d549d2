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

type Sealing = Readonly<{ owner: string; nonce: Uint8Array }>

/** The label of the key under which the secrets of factors are sealed. */
const FACTORS = 'signet sealed secret'

/**
 * NIST SP 800-38D, RFC 5869 – AES-256-GCM under a key derived from the pepper: version (1 byte), pepper id (1), nonce (12), ciphertext,
 * tag (16). The owner is associated data: a sealed secret that is copied to another account's row cannot be opened.
 */
export const seal = (secret: Uint8Array, sealing: Sealing, pepper: Pepper): SealedSecret =>
  sealUnder(FACTORS, secret, sealing, pepper) as SealedSecret

/** The secret. Null when its pepper is no longer configured, or when the secret is not the owner's. */
export const unseal = (secret: SealedSecret, owner: string, peppers: Peppers): Uint8Array | null =>
  unsealUnder(FACTORS, { secret, owner }, peppers)

/** The pepper that sealed the secret. A secret of an older pepper is sealed again at its next use. */
export const pepperIdOf = (secret: SealedSecret): number => secret[1] ?? 0

/** What a sealed text is for. Each use has keys of its own: pages for strangers can be made at will, and wear no other key out. */
export type SealedUse = 'interaction' | 'session form' | 'client id' | 'upstream attempt' | 'console'

/**
 * RFC 5869 §3.2 – Seals a text that travels through a browser, as base64url. Ours: each use and owner have a key of their own, so that no
 * browser can use up the number of texts that one key may seal (NIST SP 800-38D §8.3). An owner has 1 to 400 characters.
 */
export const sealText = (
  text: string,
  { use, ...sealing }: Sealing & Readonly<{ use: SealedUse }>,
  pepper: Pepper,
): string =>
  Buffer.from(sealUnder(labelOf(use, sealing.owner), Buffer.from(text), sealing, pepper)).toString(
    'base64url',
  )

/** The reverse of `sealText`. Null: changed, of another use or owner, or under a pepper that is gone. */
export const unsealText = (
  text: string,
  { use, owner }: Readonly<{ use: SealedUse; owner: string }>,
  peppers: Peppers,
): string | null => {
  const secret = Buffer.from(text, 'base64url')
  const opened = unsealUnder(labelOf(use, owner), { secret, owner }, peppers)
  return opened && Buffer.from(opened).toString()
}

/** The pepper that sealed the text, if it was sealed at all. */
export const sealedPepperIdOf = (text: string): number => Buffer.from(text.slice(0, 4), 'base64url')[1] ?? 0

const labelOf = (use: SealedUse, owner: string): string => `signet ${use} ${owner}`

const sealUnder = (
  label: string,
  secret: Uint8Array,
  { owner, nonce }: Sealing,
  pepper: Pepper,
): Uint8Array => {
  const head = Buffer.from([VERSION, pepper.id, ...nonce])
  const cipher = createCipheriv('aes-256-gcm', keyOf(pepper, label), nonce)
  cipher.setAAD(associated(head, owner))
  const text = Buffer.concat([cipher.update(secret), cipher.final()])
  return Buffer.concat([head, text, cipher.getAuthTag()])
}

const unsealUnder = (
  label: string,
  { secret, owner }: Readonly<{ secret: Uint8Array; owner: string }>,
  peppers: Peppers,
): Uint8Array | null => {
  const bytes = Buffer.from(secret)
  const pepper = bytes[0] === VERSION ? pepperById(peppers, bytes[1] ?? 0) : undefined
  if (pepper === undefined || bytes.length < HEAD_BYTES + TAG_BYTES) return null
  const head = bytes.subarray(0, HEAD_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', keyOf(pepper, label), head.subarray(2), {
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

const keyOf = ({ key }: Pepper, label: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, '', label, 32))

const associated = (head: Uint8Array, owner: string) => Buffer.concat([head, Buffer.from(owner)])
