import { z } from 'zod'
import type { Account } from '../account/account.ts'
import type { Digest, Plain } from '../base/digest.ts'
import type { RefreshTransport } from '../sign-in/refresh-family.ts'

/** The secret that names a ceremony under way. Only the client that began the ceremony holds it. */
export type CeremonyHandle = Plain<'ceremony_handle'>

/** What a ceremony is for. It can be finished for its own purpose only. */
export const CEREMONY_PURPOSES = [
  'sign_in',
  'passkey_sign_in',
  'step_up',
  'totp_enrolment',
  'passkey_enrolment',
] as const
export type CeremonyPurpose = (typeof CEREMONY_PURPOSES)[number]

/** Seconds within which a ceremony must be finished. */
export const CEREMONY_SECONDS = 300

/** Tries that one ceremony allows. */
export const CEREMONY_ATTEMPTS = 5

/** WebAuthn §13.4.3 – At least 16. */
export const CHALLENGE_BYTES = 32

/**
 * A procedure in two requests, between which a person acts: a sign-in with two factors, or an enrolment. Whether a try is allowed is
 * judged in SQL, by store/factors/ceremonies.ts.
 */
export type Ceremony = Readonly<{
  account: Account
  client_id: string
  refresh_transport: RefreshTransport
  /** A WebAuthn challenge, followed by the resources of a sign-in; or the sealed secret of a TOTP that is not confirmed yet. */
  payload: Uint8Array
}>

export type NewCeremony = Omit<Ceremony, 'account'> &
  Readonly<{
    digest: Digest<'ceremony_handle'>
    purpose: CeremonyPurpose
    /** Null for a sign-in whose passkey will name the account. */
    account: Pick<Account, 'id' | 'credential_epoch'> | null
    /** The sign-in that began the ceremony and alone may finish it; null while there is none. */
    family_id: string | null
  }>

/** The state of a sign-in between its two requests. */
export type SignInBegun = Readonly<{ challenge: Uint8Array; resources: readonly string[] }>

const RESOURCES = z.array(z.string())

/** The payload of a sign-in: the challenge, followed by the resources if any were named. */
export const payloadOf = ({ challenge, resources }: SignInBegun): Uint8Array =>
  resources.length === 0 ? challenge : Buffer.concat([challenge, Buffer.from(JSON.stringify(resources))])

/** The reverse of `payloadOf`. */
export const readPayload = (payload: Uint8Array): SignInBegun => {
  const text = Buffer.from(payload.subarray(CHALLENGE_BYTES)).toString()
  return {
    challenge: payload.subarray(0, CHALLENGE_BYTES),
    resources: text === '' ? [] : RESOURCES.parse(JSON.parse(text)),
  }
}

const PREFIX = 'signet_cy_'

/** Ours – 32 random bytes, with a prefix that secret scanners find. */
export const ceremonyHandleOf = (bytes: Uint8Array): CeremonyHandle =>
  (PREFIX + Buffer.from(bytes).toString('base64url')) as CeremonyHandle
