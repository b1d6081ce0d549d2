import type { Engine } from './engine.ts'
import { bytesOf, textOf } from './jws.ts'

const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const

type WebKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** Web Crypto: every runtime that has it. */
export const webEngine: Engine<WebKey> = {
  importKey: ({ n, e }) =>
    crypto.subtle.importKey('jwk', { kty: 'RSA', n, e, alg: 'RS256' }, ALGORITHM, false, ['verify']),
  verify: (key, signature, signingInput) =>
    crypto.subtle.verify(ALGORITHM, key, bytesOf(signature), new TextEncoder().encode(signingInput)),
  decode: textOf,
}
