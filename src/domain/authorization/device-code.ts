import { type Digest, digestOf, type Plain } from '../base/digest.ts'
import type { LogoutNotice } from '../oauth/client.ts'
import type { Reason } from '../oauth/oauth-error.ts'
import type { ExtraClaims } from '../sign-in/extra-claims.ts'
import type { NewFamily, RequestSource } from '../sign-in/refresh-family.ts'
import type { Bought } from './authorization-code.ts'

/** RFC 8628 §3.4 – The grant. A client gets it by its registration alone. */
export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

/** RFC 8628 §3.2 – Seconds (`expires_in`) until both codes expire. Judged in SQL, by store/codes/redeem-device-code.ts. */
export const DEVICE_CODE_SECONDS = 600

/** RFC 8628 §3.2, §3.5 – Seconds (`interval`) between two polls, and what each poll that comes too early adds to them for good. */
export const POLL_SECONDS = 5

/** Ours: seconds by which a poll may come early. The network delays one poll more than the next one. */
export const POLL_TOLERANCE_SECONDS = 1

/** Ours: seconds for which the same Idempotency-Key gets the same tokens again. */
export const DEVICE_RETRY_SECONDS = 60

/** What the device holds, and polls with. */
export type DeviceCode = Plain<'device_code'>

const PREFIX = 'signet_dc_'
const DEVICE_CODE = new RegExp(`^${PREFIX}[\\w-]{43}$`)

/** A new device code. `random` has 32 bytes. It names no person: the device has it before a person is known. */
export const deviceCodeOf = (random: Uint8Array): DeviceCode =>
  `${PREFIX}${Buffer.from(random).toString('base64url')}` as DeviceCode

/** Reads a presented code. Null for what was never one of ours. */
export const parseDeviceCode = (text: string): Digest<'device_code'> | null =>
  DEVICE_CODE.test(text) ? digestOf(text as DeviceCode) : null

/** RFC 8628 §6.1 – Consonants alone, so that no words arise. 20 letters at 8 places are 34 bits. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ'
const USER_CODE_LETTERS = 8
const USER_CODE = new RegExp(`^[${LETTERS}]{${USER_CODE_LETTERS}}$`)
/** Letters of one half, as the code is written. */
export const HALF_LETTERS = USER_CODE_LETTERS / 2

declare const userCode: unique symbol
/** What the person types: eight letters without a hyphen. */
export type UserCode = string & { readonly [userCode]: true }

/** A new user code. `random` has 32 bytes, so that every code is as likely as every other one. */
export const userCodeOf = (random: Uint8Array): UserCode => {
  let rest = BigInt(`0x${Buffer.from(random).toString('hex')}`)
  let letters = ''
  while (letters.length < USER_CODE_LETTERS) {
    letters += LETTERS.charAt(Number(rest % BigInt(LETTERS.length)))
    rest /= BigInt(LETTERS.length)
  }
  return letters as UserCode
}

/** RFC 8628 §6.1 – The letters that a person has typed, whatever their case, spaces and hyphens. */
const lettersOf = (text: string): string => text.replaceAll(/[\s\p{Pd}]/gu, '').toUpperCase()

/** Reads what a person has typed. Null for what cannot be a code. */
export const parseUserCode = (text: string): UserCode | null => {
  const letters = lettersOf(text)
  return USER_CODE.test(letters) ? (letters as UserCode) : null
}

/**
 * Ours – The same where the address of the page had a code (RFC 8628 §3.3.1): its second half is enough then. The person has to read it from
 * the device, so that a link alone leads no further.
 */
export const completeUserCode = (text: string, known: UserCode | null): UserCode | null =>
  known !== null && known.slice(HALF_LETTERS) === lettersOf(text) ? known : parseUserCode(text)

/** RFC 8628 §6.1 – With a hyphen, as the device shows it. */
export const writtenUserCode = (code: UserCode): string =>
  `${code.slice(0, HALF_LETTERS)}-${code.slice(HALF_LETTERS)}`

/** RFC 8628 §3.1 – What a device asks for, before a person is known. */
export type NewDeviceAuthorization = Readonly<{
  digest: Digest<'device_code'>
  user_code: UserCode
  client_id: string
  scope: string
  /** As a family keeps it. */
  audience: readonly string[]
  source: RequestSource
}>

/** The same as the person sees it. */
export type UndecidedDevice = Omit<NewDeviceAuthorization, 'user_code' | 'source'> &
  RequestSource &
  Readonly<{ created_at: Date }>

/** RFC 8628 §3.3 – A person’s approval. `auth_time`, `amr` and the credential epoch are those of the browser session. */
export type DeviceApproval = Readonly<{
  digest: Digest<'device_code'>
  user_id: string
  session_id: string
  client_id: string
  scope: string
  /** Of the consent that was given; null for a first-party client. */
  consent_version: number | null
  /** Whether the redemption answers with a refresh token. */
  isRefreshable: boolean
  /** The extra claims of the family that it buys. */
  claims: ExtraClaims | null
}>

/** RFC 8628 §3.4 – A device code as presented at the token endpoint, with everything that the verdict depends on. */
export type DeviceRedemption = Readonly<{
  digest: Digest<'device_code'>
  client_id: string
  resources: readonly string[]
  retry_proof: Digest<'retry_proof'> | null
  /** The family that the code buys. */
  family: Pick<NewFamily, 'id' | 'salt' | 'pepper_id' | 'token_digest'>
  /** RFC 9449 §5 – Thumbprint of the key that the family will be bound to; null: to none. */
  sender_key: string | null
  /** How the client learns of the end of a sign-in with `openid`; null: not at all. */
  logout_notice: LogoutNotice | null
  /** False where nothing was found to prepare tokens for: a code that was allowed since then is still pending. */
  isPrepared: boolean
  source: RequestSource
}>

/**
 * docs/device-sign-in.md – Every verdict on a presented device code, as store/codes/redeem-device-code.ts gives it in SQL. `redeemed` has
 * opened the family. `repeated` is the same request again, by its Idempotency-Key, within DEVICE_RETRY_SECONDS of the first and before the
 * family was refreshed. `too_early` has made the interval longer. No verdict ends a family: two polls at once are no theft.
 */
const DEVICE_VERDICTS = [
  'redeemed',
  'repeated',
  'pending',
  'too_early',
  'denied',
  'expired',
  'spent',
  'unknown_code',
  'wrong_client',
  'resource_exceeded',
  'account_disabled',
  'epoch_passed',
  'consent_withdrawn',
] as const
type DeviceVerdict = (typeof DEVICE_VERDICTS)[number]
type DeviceRefusal = Exclude<DeviceVerdict, 'redeemed' | 'repeated'>

/** Reads the verdict of a row. Throws for a text that is none: the statement and the list have come apart. */
export const parseDeviceVerdict = (text: string): DeviceVerdict => {
  const verdict = DEVICE_VERDICTS.find(known => known === text)
  if (verdict === undefined) throw new Error(`${text} is not a verdict on a device code`)
  return verdict
}

export type DeviceOutcome =
  | Readonly<{ verdict: 'redeemed' | 'repeated'; bought: Bought }>
  | Readonly<{ verdict: DeviceRefusal; user_id: string | null }>

/** RFC 8628 §3.5 – The reason for which a device code is refused, by its verdict. */
export const DEVICE_REFUSALS = {
  pending: 'device_pending',
  too_early: 'device_too_early',
  denied: 'device_denied',
  expired: 'device_expired',
  spent: 'device_spent',
  unknown_code: 'device_unknown',
  wrong_client: 'device_wrong_client',
  resource_exceeded: 'resource_not_granted',
  account_disabled: 'device_account_disabled',
  epoch_passed: 'device_epoch_passed',
  consent_withdrawn: 'device_consent_withdrawn',
} as const satisfies Record<DeviceRefusal, Reason>
