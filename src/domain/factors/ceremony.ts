import { z } from 'zod'
import type { Account } from '../account/account.ts'
import type { Digest, Plain } from '../base/digest.ts'
import type { RefreshTransport } from '../sign-in/refresh-family.ts'

/** What stands for a ceremony that is under way, with whoever began it. */
export type CeremonyHandle = Plain<'ceremony_handle'>

/** What a ceremony is for. One that was begun for one of them is none for another. */
export const CEREMONY_PURPOSES = [
  'sign_in',
  'passkey_sign_in',
  'step_up',
  'totp_enrolment',
  'passkey_enrolment',
] as const
export type CeremonyPurpose = (typeof CEREMONY_PURPOSES)[number]

/** Seconds from the first half of a ceremony to the second. */
export const CEREMONY_SECONDS = 300

/** Tries that one ceremony is good for. */
export const CEREMONY_ATTEMPTS = 5

/** WebAuthn §13.4.3 – 16 at least. */
export const CHALLENGE_BYTES = 32

/**
 * Something in two halves, between which a person takes their time: a sign-in with two factors, or an enrolment. Whether it may be
 * tried is judged in SQL, by store/factors/ceremonies.ts.
 */
export type Ceremony = Readonly<{
  account: Account
  client_id: string
  refresh_transport: RefreshTransport
  /** A WebAuthn challenge, of a sign-in with its resources behind it; or the sealed secret of a TOTP that is not confirmed yet. */
  payload: Uint8Array
}>

export type NewCeremony = Omit<Ceremony, 'account'> &
  Readonly<{
    digest: Digest<'ceremony_handle'>
    purpose: CeremonyPurpose
    /** Null where the passkey will tell who it is. */
    account: Pick<Account, 'id' | 'credential_epoch'> | null
    /** The sign-in that began it, and alone may end it; null when there is none yet. */
    family_id: string | null
  }>

/** What a sign-in in two halves keeps from the first to the second. */
export type SignInBegun = Readonly<{ challenge: Uint8Array; resources: readonly string[] }>

const RESOURCES = z.array(z.string())

/** The payload of a sign-in: the challenge alone where no resource was named. */
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
