import { type Digest, digestOf, type Plain } from './digest.ts'
import { bytesOfUuid, UUID_BYTES, uuidOf } from './uuid.ts'

/** A secret that was presented: the person whose row it names, and the digest of its whole text. */
export type PresentedSecret<K extends string> = Readonly<{ user_id: string; digest: Digest<K> }>

/** 256 bits: what is stored is a digest that nothing can be tried against. */
export const SECRET_BYTES = 32

/**
 * Ours – A secret of a person: a prefix that secret scanners find, then base64url of the person's id (16 bytes) and a random part (32).
 * With the person in it, every statement names the row that it wants by primary key.
 */
export const personalSecretOf = <K extends string>(
  prefix: string,
  { user_id, random }: Readonly<{ user_id: string; random: Uint8Array }>,
): Plain<K> => (prefix + Buffer.concat([bytesOfUuid(user_id), random]).toString('base64url')) as Plain<K>

/** The reverse of `personalSecretOf`. Null for every text but the canonical one. */
export const parsePersonalSecret = <K extends string>(
  prefix: string,
  text: string,
): PresentedSecret<K> | null => {
  const encoded = text.slice(prefix.length)
  const bytes = text.startsWith(prefix) && encoded.length === 64 ? Buffer.from(encoded, 'base64url') : null
  if (bytes?.toString('base64url') !== encoded) return null
  return { user_id: uuidOf(bytes.subarray(0, UUID_BYTES)), digest: digestOf(text as Plain<K>) }
}
