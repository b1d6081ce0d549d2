/** Signing and verification. A comment states atomicity and failure. */
import type { PublicJwk } from '../domain/keys/key-ring.ts'

/** Signing keys. The private halves never leave the adapter. */
export type Keys = {
  /** A JWS in compact form, RS256, by the key that signs now. Rejects with Unavailable when no key may sign. */
  sign(
    typ: 'at+jwt' | 'JWT' | 'logout+jwt' | 'revocations+jwt' | 'statuslist+jwt',
    claims: Readonly<Record<string, unknown>>,
  ): Promise<string>
  /**
   * RFC 7515 appendix F – A JWS over this text whose payload is left out, with these members beside `alg`, `typ` and `kid` in its
   * header. Rejects with Unavailable when no key may sign.
   */
  signDetached(
    typ: 'signet-hook+jwt',
    signed: Readonly<{ header: Readonly<Record<string, string | number>>; text: string }>,
  ): Promise<string>
  /** The claims of a JWS of this `typ` that a published key signed with RS256; null otherwise. Judges no claim. */
  verify(typ: 'at+jwt' | 'JWT', jws: string): Readonly<Record<string, unknown>> | null
  /** RFC 7517 – The public members of every published key: announced, signing and retired. */
  published(): readonly PublicJwk[]
}
