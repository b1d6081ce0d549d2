/** Second factors, and ceremonies under way. A comment states atomicity and failure. */
import type { Account } from '../domain/account/account.ts'
import type { Digest } from '../domain/base/digest.ts'
import type { Ceremony, CeremonyPurpose, NewCeremony } from '../domain/factors/ceremony.ts'
import type { Assertion, Attestation, NewPasskey, Passkey } from '../domain/factors/passkey.ts'
import type { SealedSecret } from '../domain/factors/sealed-secret.ts'
import type { KeptSession } from '../domain/sign-in/browser-session.ts'

/** The second factors of an account. */
export type FactorsOf = Readonly<{
  totp: Readonly<{ created_at: Date; failures: TotpFailures }> | null
  passkeys: readonly Passkey[]
  /** The count of unused codes. */
  recovery_codes: number
  /** The number of the set of codes; null when there is none. */
  recovery_set: number | null
}>

/** Wrong codes in a row, counted apart so that guesses of strangers do not close TOTP for the owner's known devices. */
export type TotpFailures = Readonly<{ unknown_devices: number; known_devices: number }>

/**
 * A change of an account's factors. `keep` is the sign-in that makes the change and lives on, `keep_session` the browser session that does.
 */
type Change = Readonly<{
  account_id: string
  credential_epoch: number
  keep: string | null
  keep_session?: KeptSession | null
}>
type FactorAdded = Readonly<{ ended: readonly string[]; isRecoveryGiven: boolean }>
type RecoveryDigests = readonly Digest<'recovery_code'>[]

/** All reject with Unavailable when the database is away. */
export type Factors = {
  find(account_id: string): Promise<FactorsOf>
  /**
   * Atomic and durable: counts a failure before the code is judged, so that all instances together judge no more than the allowed codes.
   * 'closed' after too many failures in a row; null when there is no TOTP.
   */
  attemptTotp(totp: {
    account_id: string
    isKnownDevice: boolean
  }): Promise<Readonly<{ secret: SealedSecret; failures: number }> | 'closed' | null>
  /**
   * Atomic: spends a time step and all before it, and clears the failures of this kind of device. False when the step was spent before.
   * A null `resealed` leaves the secret as it is.
   */
  spendTotpStep(totp: {
    account_id: string
    step: number
    resealed: SealedSecret | null
    isKnownDevice: boolean
  }): Promise<boolean>
  /** Atomic: spends the code and opens TOTP again. False when the code is unknown or spent. */
  spendRecoveryCode(code: { account_id: string; digest: Digest<'recovery_code'> }): Promise<boolean>
  /** Atomic: stores the counter and opens TOTP again. False when an authenticator's counter has not risen, or the passkey is gone. */
  usePasskey(use: { account_id: string; id: string; counter: number; backed_up: boolean }): Promise<boolean>
  /**
   * Atomic: a new set voids the former one, number `replaces`. Null, without a change, when the account is disabled or its epoch is another
   * by now; 'overtaken' when another set has replaced the former one, or was renewed within RECOVERY_RENEWED_SECONDS.
   */
  replaceRecoveryCodes(account: {
    id: string
    credential_epoch: number
    replaces: number | null
    digests: RecoveryDigests
  }): Promise<'replaced' | 'overtaken' | null>
  /**
   * This and the next three are atomic: they raise the credential epoch, end every sign-in except `keep` with its entry in the revocation
   * feed, and change the factors. They return the ended families, and the first two whether the recovery codes were stored: a set with
   * unused codes stays. Null, without a change, when the account is disabled or its epoch is another by now. Null also when the factor
   * exists already, or is gone: the other sign-ins are ended all the same.
   */
  addTotp(
    change: Change & { secret: SealedSecret; step: number; recovery: RecoveryDigests },
  ): Promise<FactorAdded | null>
  addPasskey(
    change: Change & { passkey: NewPasskey; label: string; recovery: RecoveryDigests },
  ): Promise<FactorAdded | null>
  /** The recovery codes are deleted with the last factor. */
  removeTotp(change: Change): Promise<readonly string[] | null>
  removePasskey(change: Change & { id: string }): Promise<readonly string[] | null>
  /** Atomic. False when the account has no such passkey. */
  renamePasskey(passkey: { account_id: string; id: string; label: string }): Promise<boolean>
  /** The account of a passkey. Null when the passkey is unknown, or the account disabled. */
  findOwner(passkey_id: string): Promise<Account | null>
  /** True when an account has this passkey. */
  hasPasskey(id: string): Promise<boolean>
}

/**
 * Ceremonies under way. Each is bound to its account, its purpose and the sign-in that began it, and can be finished once. All reject with
 * Unavailable when the database is away.
 */
export type Ceremonies = {
  /** Atomic. Stores nothing, and does not reject, for an account that was deleted meanwhile. */
  begin(ceremony: NewCeremony): Promise<void>
  /**
   * Atomic: counts a try before it is judged. Null when the ceremony is unknown, expired, tried too often or of another sign-in, and when
   * the account is disabled or its credentials have changed since.
   */
  attempt(attempt: {
    digest: Digest<'ceremony_handle'>
    purpose: CeremonyPurpose
    family_id: string | null
  }): Promise<Ceremony | null>
  /** Atomic: the same for a sign-in by passkey alone, which is bound to no account. */
  attemptUnbound(digest: Digest<'ceremony_handle'>): Promise<Omit<Ceremony, 'account'> | null>
  /** Atomic: finishes the ceremony. True for one caller only. */
  redeem(digest: Digest<'ceremony_handle'>): Promise<boolean>
}

type Ceremonial = Readonly<{ challenge: Uint8Array; origins: readonly string[] }>

/** WebAuthn Level 3 §7 – Verifies the answers of authenticators. Never rejects because of their content. */
export type PasskeyVerifier = {
  /** §7.1 – The new passkey. Null when any check fails. */
  judgeEnrolment(given: Ceremonial & { attestation: Attestation }): Promise<NewPasskey | null>
  /** §7.2 – The new state of the passkey. Null when any check fails. */
  judgeAssertion(
    given: Ceremonial & { assertion: Assertion; passkey: Passkey; account_id: string },
  ): Promise<Readonly<{ counter: number; backed_up: boolean }> | null>
}
