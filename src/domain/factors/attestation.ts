import { z } from 'zod'
import { CREDENTIAL_ID, PUBLIC_KEY_TYPE, parseJson } from './assertion.ts'
import type { Attestation } from './passkey.ts'

const TEXT = z.string('must be a string')
const FILLED = TEXT.min(1, 'must not be empty')

/** WebAuthn §5.1.9 – What `PublicKeyCredential.toJSON()` gives of a new passkey; what it gives beside these is not looked at. */
export const ATTESTATION = z.object(
  {
    id: CREDENTIAL_ID,
    rawId: CREDENTIAL_ID,
    type: PUBLIC_KEY_TYPE,
    response: z.object(
      {
        clientDataJSON: FILLED,
        attestationObject: FILLED,
        transports: z
          .array(TEXT.regex(/^[a-z-]{1,32}$/, 'must be a transport'), 'must be a list')
          .max(10, 'must be fewer')
          .optional(),
      },
      'must be an object',
    ),
  },
  'must be an object',
)

/** The name that a person gives a passkey. */
export const PASSKEY_LABEL = TEXT.trim()
  .min(1, 'must not be empty')
  .max(64, 'must be 64 characters at most')
  .regex(/^\P{Cc}*$/u, 'must not hold control characters')

/** An attestation as the field of a form has it; null for what is none. */
export const parseAttestation = (text: string): Attestation | null => {
  const parsed = ATTESTATION.safeParse(parseJson(text))
  return parsed.success ? parsed.data : null
}

/** A name as the field of a form has it; null for one that cannot be used. */
export const parsePasskeyLabel = (text: string): string | null => {
  const parsed = PASSKEY_LABEL.safeParse(text)
  return parsed.success ? parsed.data : null
}
