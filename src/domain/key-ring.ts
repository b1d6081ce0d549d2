/** RFC 7517 §4, RFC 7518 §6.3.1 – The public half of a signing key. */
export type PublicJwk = Readonly<{ kty: 'RSA'; use: 'sig'; alg: 'RS256'; kid: string; n: string; e: string }>
