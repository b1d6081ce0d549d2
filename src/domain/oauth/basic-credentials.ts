import type { Plain } from '../base/digest.ts'

/** RFC 6749 §2.3.1, RFC 7617 §2 – HTTP Basic, whose halves are form-encoded before they are joined. Null when malformed. */
export const decodeBasic = (
  authorization: string,
): { client_id: string; secret: Plain<'client_secret'> } | null => {
  const encoded = authorization.slice('basic '.length).trim()
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  if (colon < 1) return null
  const client_id = decodeFormComponent(pair.slice(0, colon))
  const secret = decodeFormComponent(pair.slice(colon + 1))
  return client_id === null || secret === null
    ? null
    : { client_id, secret: secret as Plain<'client_secret'> }
}

/** RFC 6749 appendix B – application/x-www-form-urlencoded, strictly UTF-8. */
const decodeFormComponent = (text: string): string | null => {
  if (!/[%+\ufffd]/.test(text)) return text
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '))
    return decoded.includes('\ufffd') ? null : decoded
  } catch {
    return null
  }
}
