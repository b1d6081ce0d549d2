import type * as library from '@simplewebauthn/server'
import type * as helpers from '@simplewebauthn/server/helpers'
import { PASSKEY_ALGORITHMS, userHandleOf } from '../domain/factors/passkey.ts'
import type { PasskeyVerifier } from '../ports/factors.ts'

type Library = typeof library
type Helpers = typeof helpers

/** WebAuthn Level 3 §7, by @simplewebauthn/server, which is loaded when the first passkey comes. */
export const createPasskeyVerifier = ({ rp_id }: Readonly<{ rp_id: string }>): PasskeyVerifier => ({
  judgeEnrolment: async ({ attestation, challenge, origins }) => {
    const library = await load()
    return orNull(async () => {
      const { id, rawId, response } = attestation
      if (!isAskedFor(library, response) || !isUnattested(library, response.attestationObject)) return null
      const { verified, registrationInfo } = await library.verifyRegistrationResponse({
        response: {
          id,
          rawId,
          type: 'public-key',
          clientExtensionResults: {},
          response: {
            clientDataJSON: response.clientDataJSON,
            attestationObject: response.attestationObject,
          },
        },
        expectedChallenge: base64url(challenge),
        expectedOrigin: [...origins],
        expectedRPID: rp_id,
        expectedType: 'webauthn.create',
        requireUserPresence: true,
        requireUserVerification: true,
        supportedAlgorithmIDs: PASSKEY_ALGORITHMS,
      })
      // The credential id from the browser must be the one in the authenticator data.
      if (!verified || registrationInfo.credential.id !== id) return null
      const { credential, credentialDeviceType, credentialBackedUp } = registrationInfo
      return {
        id,
        public_key: credential.publicKey,
        counter: credential.counter,
        transports: response.transports ?? [],
        backup_eligible: credentialDeviceType === 'multiDevice',
        backed_up: credentialBackedUp,
      }
    })
  },

  judgeAssertion: async ({ assertion, challenge, origins, passkey, account_id }) => {
    const library = await load()
    return orNull(async () => {
      const { id, rawId, response } = assertion
      const { clientDataJSON, authenticatorData, signature, userHandle } = response
      if (id !== passkey.id || !isAskedFor(library, response)) return null
      if (userHandle && userHandle !== userHandleOf(account_id)) return null
      const { verified, authenticationInfo } = await library.verifyAuthenticationResponse({
        response: {
          id,
          rawId,
          type: 'public-key',
          clientExtensionResults: {},
          response: { clientDataJSON, authenticatorData, signature },
        },
        expectedChallenge: base64url(challenge),
        expectedOrigin: [...origins],
        expectedRPID: rp_id,
        expectedType: 'webauthn.get',
        requireUserVerification: true,
        credential: { id, publicKey: Uint8Array.from(passkey.public_key), counter: passkey.counter },
      })
      if (!verified) return null
      // WebAuthn §7.2 step 18 – The backup eligibility of a passkey never changes after its creation.
      const isCopyable = authenticationInfo.credentialDeviceType === 'multiDevice'
      if (isCopyable !== passkey.backup_eligible) return null
      return { counter: authenticationInfo.newCounter, backed_up: authenticationInfo.credentialBackedUp }
    })
  },
})

/** No cache here: the runtime caches a loaded module, and a failed import can be tried again. */
const load = async (): Promise<Library & Helpers> => ({
  ...(await import('@simplewebauthn/server')),
  ...(await import('@simplewebauthn/server/helpers')),
})

/** The library throws to refuse. Every such error is about input from the authenticator or the browser, so it is a verdict. */
const orNull = async <T>(judge: () => Promise<T | null>): Promise<T | null> => {
  try {
    return await judge()
  } catch {
    return null
  }
}

/** WebAuthn §13.4.9 – A response from within a frame of another site is refused. */
const isAskedFor = ({ decodeClientDataJSON }: Helpers, { clientDataJSON }: { clientDataJSON: string }) => {
  const { crossOrigin = false } = decodeClientDataJSON(clientDataJSON)
  return !crossOrigin
}

/**
 * WebAuthn §5.1.3 – Signet asks for "none", so browsers remove certificates. Ours: an attestation with a certificate is refused,
 * because a certificate chain names URLs of revocation lists, and a stranger must not choose the URLs that this server fetches.
 */
const isUnattested = ({ decodeAttestationObject }: Helpers, attestationObject: string): boolean => {
  const attested = decodeAttestationObject(Uint8Array.from(Buffer.from(attestationObject, 'base64url')))
  const format = attested.get('fmt')
  return format === 'none' || (format === 'packed' && attested.get('attStmt').get('x5c') === undefined)
}

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
