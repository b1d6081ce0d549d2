/** What signs. A comment states atomicity and failure. */
import type { PublicJwk } from '../domain/keys/key-ring.ts'

/** Signing keys. The private halves never leave the adapter. */
export type Keys = {
  /** A JWS in compact form, RS256, by the key whose turn it is. Rejects with Unavailable when no key may sign. */
  sign(
    typ: 'at+jwt' | 'JWT' | 'revocations+jwt' | 'statuslist+jwt',
    claims: Readonly<Record<string, unknown>>,
  ): Promise<string>
  /** The claims of a JWS that one of the published keys signed with RS256 and that has this `typ`; null otherwise. Judges no claim. */
  verify(typ: 'at+jwt' | 'JWT', jws: string): Readonly<Record<string, unknown>> | null
  /** RFC 7517 – The public members of every published key: announced, signing and retired. */
  published(): readonly PublicJwk[]
}
