/** The three segments of a token, and the text that its signature covers. Nothing in them is verified yet. */
export type Jws = Readonly<{ header: string; payload: string; signature: string; signingInput: string }>

/** The used members of a header. RFC 8725 §3.1, §3.11: the algorithm and the type must be the expected ones, and choose nothing. */
export type Header = Readonly<{ kid: string; typ: string }>

/** Ours: the most characters of a token. The issuer makes no longer tokens. */
export const LONGEST_TOKEN = 8192
const LONGEST_KID = 256

const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/**
 * RFC 7515 §4.1.2–4.1.8, §4.1.11, RFC 7797 – A token that brings its own key, or asks for processing that does not exist
 * here, is refused and not ignored: no honest issuer of ours sends one.
 */
const FORBIDDEN = ['jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'crit', 'b64', 'zip', 'enc']

/** RFC 7515 §3.1 – Splits a compact serialization. Null unless it is canonical: one token has one spelling. */
export const splitJws = (token: string, longest: number): Jws | null => {
  if (token.length > longest || !COMPACT.test(token)) return null
  const first = token.indexOf('.')
  const last = token.lastIndexOf('.')
  const signature = token.slice(last + 1)
  if (!isCanonical(signature)) return null
  return {
    header: token.slice(0, first),
    payload: token.slice(first + 1, last),
    signature,
    signingInput: token.slice(0, last),
  }
}

/** RFC 7515 §4.1 – Reads a header segment. Null unless `alg` is RS256, and `typ` and `kid` are given. */
export const parseHeader = (segment: string): Header | null => {
  const header = parseObject(segment)
  if (header === null || header['alg'] !== 'RS256') return null
  if (FORBIDDEN.some(name => Object.hasOwn(header, name))) return null
  const { kid, typ } = header
  if (typeof kid !== 'string' || kid === '' || kid.length > LONGEST_KID || typeof typ !== 'string')
    return null
  return { kid, typ: typ.toLowerCase().replace(/^application\//, '') }
}

const parseObject = (segment: string): Readonly<Record<string, unknown>> | null => {
  if (!isCanonical(segment)) return null
  try {
    return asObject(JSON.parse(textOf(segment)))
  } catch {
    return null
  }
}

export const asObject = (value: unknown): Readonly<Record<string, unknown>> | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null

/** RFC 4648 §3.5, §5 – Only the encoding whose unused bits are zero. The alphabet is checked by the caller's pattern. */
export const isCanonical = (segment: string): boolean => {
  const last = segment.at(-1) ?? ''
  switch (segment.length % 4) {
    case 2:
      return 'AQgw'.includes(last)
    case 3:
      return 'AEIMQUYcgkosw048'.includes(last)
    default:
      return segment.length % 4 === 0
  }
}

export const bytesOf = (segment: string): Uint8Array<ArrayBuffer> => {
  const binary = atob(segment.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = new Uint8Array(binary.length)
  for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index)
  return bytes
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Throws when the bytes are not UTF-8. */
export const textOf = (segment: string): string => utf8.decode(bytesOf(segment))
