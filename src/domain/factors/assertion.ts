import { z } from 'zod'
import type { Assertion } from './passkey.ts'

const TEXT = z.string('must be a string')
const FILLED = TEXT.min(1, 'must not be empty')

/** WebAuthn §5.8.3 – A credential id is 1023 bytes at most, here as base64url: the database looks for no other text. */
export const CREDENTIAL_ID = TEXT.regex(/^[\w-]{1,1364}$/, 'must be a credential id')
export const PUBLIC_KEY_TYPE = z.literal('public-key', 'must be public-key')

/** WebAuthn §5.1.9 – What `PublicKeyCredential.toJSON()` gives; what it gives beside these is not looked at. */
export const ASSERTION = z.object(
  {
    id: CREDENTIAL_ID,
    rawId: CREDENTIAL_ID,
    type: PUBLIC_KEY_TYPE,
    response: z.object(
      {
        clientDataJSON: FILLED,
        authenticatorData: FILLED,
        signature: FILLED,
        userHandle: TEXT.nullish(),
      },
      'must be an object',
    ),
  },
  'must be an object',
)

/** An assertion as the field of a form has it; null for what is none. */
export const parseAssertion = (text: string): Assertion | null => {
  const parsed = ASSERTION.safeParse(parseJson(text))
  return parsed.success ? parsed.data : null
}

/** Null for a text that is no JSON. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
