/** RFC 7518 §6.3.1 – An RSA public key that passed every check of key-set.ts. */
export type RsaJwk = Readonly<{ kid: string; n: string; e: string }>

/** The cryptography of the runtime: node:crypto on Node, Web Crypto elsewhere. */
export type Engine<Key> = Readonly<{
  importKey(jwk: RsaJwk): Key | Promise<Key>
  /** RFC 7518 §3.3 – RSASSA-PKCS1-v1_5 with SHA-256, and nothing else. Both strings are ASCII. */
  verify(key: Key, signature: string, signingInput: string): boolean | Promise<boolean>
  /** The text of a base64url segment. Throws when it is not UTF-8. */
  decode(segment: string): string
}>
