/** RFC 4648 §5 – Base64url without padding. */
export const encode = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

/** The base64url SHA-256 of an ASCII text: a thumbprint (RFC 7638), or the `ath` of a token (RFC 9449 §4.2). */
export const hashOf = async (text: string): Promise<string> =>
  encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))
