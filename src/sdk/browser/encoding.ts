/** RFC 4648 §5 – base64url without padding. */
const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

/** 256 random bits: a `state`, a `nonce`, a `code_verifier` (RFC 7636 §4.1), an Idempotency-Key. */
export const randomText = (): string => base64url(crypto.getRandomValues(new Uint8Array(32)))

/** RFC 7636 §4.2 – SHA-256 of a text. */
export const sha256 = async (text: string): Promise<string> =>
  base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))

/** RFC 7519 §3 – The claims of a JWT that came from the server itself over TLS (OpenID Connect Core §3.1.3.7): not verified. */
export const readClaims = (jwt: string): unknown => {
  const [, payload = ''] = jwt.split('.')
  const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), sign =>
    sign.charCodeAt(0),
  )
  return JSON.parse(new TextDecoder().decode(bytes))
}
