import type { Engine } from './engine.ts'
import { type Header, LONGEST_TOKEN, parseHeader, splitJws } from './jws.ts'
import type { IssuerKey, KeySet } from './key-set.ts'
import type { TokenErrorCode } from './token-error.ts'

/** The payload of a JWS that the issuer signed, and the key that it was signed with. */
export type Signed<Key> = Readonly<{ payload: string; key: IssuerKey<Key> }>
export type Reading<Key> = Signed<Key> | Readonly<{ refusal: TokenErrorCode; cause?: unknown }>

/** The most header segments that are cached: an issuer has one for each key. */
const MOST_HEADERS = 64

/**
 * RFC 7515 §5.2, RFC 8725 §3 – Reads a JWS of this `typ` that the issuer signed with RS256. The `kid` of the header only chooses
 * among the issuer's own keys. The payload is not parsed before the signature has been verified.
 */
export const createJwsReader = <Key>(
  engine: Engine<Key>,
  keys: KeySet<Key>,
  typ: string,
  longest: number = LONGEST_TOKEN,
) => {
  // Only headers with a valid signature are added, so that no attacker can fill the cache.
  const known = new Map<string, Header>()
  const remember = (segment: string, header: Header) => {
    if (known.size >= MOST_HEADERS) known.clear()
    known.set(segment, header)
  }

  return async (token: string): Promise<Reading<Key>> => {
    const jws = splitJws(token, longest)
    if (jws === null) return { refusal: 'token_malformed' }
    const header = known.get(jws.header) ?? parseHeader(jws.header)
    if (header === null || header.typ !== typ) return { refusal: 'token_type' }
    let key: IssuerKey<Key> | null
    try {
      key = keys.peek(header.kid) ?? (await keys.find(header.kid))
    } catch (cause) {
      return { refusal: 'keys_unavailable', cause }
    }
    if (key === null) return { refusal: 'key_unknown' }
    try {
      const verdict = engine.verify(key.key, jws.signature, jws.signingInput)
      // A boolean is not awaited: each turn of the microtask queue costs 1% of the signature's check.
      if (!(typeof verdict === 'boolean' ? verdict : await verdict)) return { refusal: 'signature_invalid' }
      const payload = engine.decode(jws.payload)
      remember(jws.header, header)
      return { payload, key }
    } catch (cause) {
      return { refusal: 'token_malformed', cause }
    }
  }
}
