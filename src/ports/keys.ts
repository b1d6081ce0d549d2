/** Signing and verification. A comment states atomicity and failure. */
import type { KeyStatus, PublicJwk, RingKey } from '../domain/keys/key-ring.ts'

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

export type AdministeredKey = Readonly<Pick<RingKey, 'kid' | 'signs_from' | 'announced_at'> & KeyStatus>

/** The keys before and after a change, or why nothing was changed. */
export type KeyOutcome = Readonly<
  { before: readonly AdministeredKey[]; after: readonly AdministeredKey[] } | { refusal: string }
>

/** The key files for administrators. Each change is made under the lock of the directory; an interruption leaves a key that signs. */
export type AdministeredKeys = {
  list(): Promise<KeyOutcome>
  /** `now`: it signs before verifiers have had the time to see it. */
  rotate(now: boolean): Promise<KeyOutcome>
  retire(kid: string, now: boolean): Promise<KeyOutcome>
  /** Every token that the key signed is refused from then on. */
  revoke(kid: string): Promise<KeyOutcome>
}
