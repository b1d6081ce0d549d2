import { hash } from 'node:crypto'

/** RFC 7636 §4.1 – 43 to 128 unreserved characters. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/

/** RFC 7636 §4.2 – The form of every `S256` challenge: 32 bytes in base64url. */
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/

export const isCodeChallenge = (text: string): boolean => CHALLENGE.test(text)

/** RFC 7636 §4.6 – The `S256` challenge of a verifier; null for a text that no client may use as one. */
export const challengeOf = (code_verifier: string): string | null =>
  VERIFIER.test(code_verifier) ? hash('sha256', code_verifier, 'base64url') : null
