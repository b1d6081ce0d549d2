import { ACCESS_TOKEN_MAX_CHARACTERS } from '../domain/oauth/access-token-length.ts'
import type { RingView } from './ring.ts'
import type { SigningKey, Typ } from './signing-key.ts'

type Claims = Readonly<Record<string, unknown>>

/** RFC 7515 §7.1 – A JWS in compact form. Assembled here: the assembly costs nothing beside the signature. */
export const signJws = async (key: SigningKey, typ: Typ, claims: Claims): Promise<string> => {
  const input = `${key.headers[typ]}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  const signature = await key.sign(Buffer.from(input, 'latin1'))
  const jws = `${input}.${signature.toString('base64url')}`
  // The caller checks the length before it spends a credential: a longer token here is a fault of ours.
  if (typ === 'at+jwt' && jws.length > ACCESS_TOKEN_MAX_CHARACTERS)
    throw new Error('an access token is too long')
  return jws
}

type Detached = Readonly<{ typ: string; header: Readonly<Record<string, string | number>>; text: string }>

/** RFC 7515 appendix F – A JWS over a text that is sent beside it: the part of the payload is empty. */
export const signDetachedJws = async (key: SigningKey, { typ, header, text }: Detached): Promise<string> => {
  const encode = (part: string) => Buffer.from(part).toString('base64url')
  const head = encode(JSON.stringify({ alg: 'RS256', typ, kid: key.kid, ...header }))
  const signature = await key.sign(Buffer.from(`${head}.${encode(text)}`, 'latin1'))
  return `${head}..${signature.toString('base64url')}`
}

/** RFC 7515 §5.2, RFC 8725 §3.1 – The claims, or null. The header names a known key and brings no key or algorithm of its own. */
export const verifyJws = (view: RingView, typ: Typ, jws: string): Claims | null => {
  if (jws.length > ACCESS_TOKEN_MAX_CHARACTERS) return null
  const [header, payload, signature, surplus] = jws.split('.', 4)
  if (header === undefined || payload === undefined || signature === undefined || surplus !== undefined) {
    return null
  }
  const key = findKey(view, typ, header)
  const claims = decode(payload)
  const signed = decode(signature)
  if (key === null || claims === null || signed === null) return null
  const input = Buffer.from(`${header}.${payload}`, 'latin1')
  return key.verify(input, signed) ? parseObject(claims) : null
}

/** Nearly every header is byte for byte one that this server wrote: the map finds its key without parsing. */
const findKey = (view: RingView, typ: Typ, header: string): SigningKey | null => {
  const known = view.byHeader.get(header)
  if (known !== undefined) return known.typ === typ ? known.key : null
  const decoded = decode(header)
  const { alg, typ: named, kid, crit } = (decoded && parseObject(decoded)) ?? {}
  // RFC 7515 §4.1.11 – We understand no extension, so a critical one refuses the JWS.
  if (alg !== 'RS256' || crit !== undefined || typeof kid !== 'string') return null
  return typeof named === 'string' && isSameType(named, typ) ? (view.byKid.get(kid) ?? null) : null
}

/** RFC 7515 §4.1.9, RFC 9068 §4 – A media type: case does not matter, and `application/` may be left out. */
const isSameType = (named: string, typ: Typ): boolean =>
  named.toLowerCase().replace(/^application\//, '') === typ.toLowerCase()

/** RFC 7515 §2 – base64url without padding, in the one canonical form: otherwise one token would have many spellings. */
const decode = (segment: string): Buffer | null => {
  const bytes = Buffer.from(segment, 'base64url')
  return bytes.toString('base64url') === segment ? bytes : null
}

const parseObject = (bytes: Buffer): Claims | null => {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

const isObject = (value: unknown): value is Claims =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
