/** What second factors need. */
import type { Account } from '../domain/account/account.ts'
import type { Digest } from '../domain/base/digest.ts'
import type { Ceremony, CeremonyPurpose, NewCeremony } from '../domain/factors/ceremony.ts'
import type { Assertion, Attestation, NewPasskey, Passkey } from '../domain/factors/passkey.ts'
import type { SealedSecret } from '../domain/factors/sealed-secret.ts'

/** What a person has to sign in with beside the password. */
export type FactorsOf = Readonly<{
  totp: Readonly<{ created_at: Date; failures: TotpFailures }> | null
  passkeys: readonly Passkey[]
  /** Those that are left. */
  recovery_codes: number
  /** The number of their set; null when there is none. */
  recovery_set: number | null
}>

/** Wrong codes in a row, counted apart: guesses from elsewhere must not close TOTP for the owner's own device. */
export type TotpFailures = Readonly<{ unknown_devices: number; known_devices: number }>

/** A change of somebody's factors, made by a sign-in that goes on. */
type Change = Readonly<{ account_id: string; credential_epoch: number; keep: string | null }>
type FactorAdded = Readonly<{ ended: readonly string[]; isRecoveryGiven: boolean }>
type RecoveryDigests = readonly Digest<'recovery_code'>[]

/** All reject with Unavailable when the database is away. */
export type Factors = {
  find(account_id: string): Promise<FactorsOf>
  /**
   * Atomic: counts a failure before the code is judged, so that no more are judged than may be, over all instances. 'closed' when there
   * were too many in a row; null when there is no TOTP. Durable.
   */
  attemptTotp(totp: {
    account_id: string
    isKnownDevice: boolean
  }): Promise<Readonly<{ secret: SealedSecret; failures: number }> | 'closed' | null>
  /**
   * Atomic: a time step is good for one code, and none before it after that; its failures are forgotten. False when it was spent. Null
   * keeps the secret as it is sealed.
   */
  spendTotpStep(totp: {
    account_id: string
    step: number
    resealed: SealedSecret | null
    isKnownDevice: boolean
  }): Promise<boolean>
  /** Atomic: opens TOTP again. False when there is no such code, or no more. */
  spendRecoveryCode(code: { account_id: string; digest: Digest<'recovery_code'> }): Promise<boolean>
  /** Atomic: opens TOTP again. False when another assertion has counted as far or farther, or the passkey is gone. */
  usePasskey(use: { account_id: string; id: string; counter: number; backed_up: boolean }): Promise<boolean>
  /**
   * Atomic: a new set voids the former one, `replaces`. Null, and nothing is done, when the epoch is another by now; 'overtaken' when
   * the set is, or was made anew within the last RECOVERY_RENEWED_SECONDS.
   */
  replaceRecoveryCodes(account: {
    id: string
    credential_epoch: number
    replaces: number | null
    digests: RecoveryDigests
  }): Promise<'replaced' | 'overtaken' | null>
  /**
   * Atomic, the four of them: raises the credential epoch, ends every sign-in but `keep` with its entry in the revocation feed,
   * and changes the factors. Returns the families that it ended, and whether the recovery codes were given: a set with codes
   * left in it stays. Null when the epoch is another by now, and nothing is done then; or
   * when somebody was first: the factor is there already, or gone.
   */
  addTotp(
    change: Change & { secret: SealedSecret; step: number; recovery: RecoveryDigests },
  ): Promise<FactorAdded | null>
  addPasskey(
    change: Change & { passkey: NewPasskey; label: string; recovery: RecoveryDigests },
  ): Promise<FactorAdded | null>
  /** With the last factor go the recovery codes. */
  removeTotp(change: Change): Promise<readonly string[] | null>
  removePasskey(change: Change & { id: string }): Promise<readonly string[] | null>
  /** Whose passkey it is; null when nobody's, or of an account that is disabled. */
  findOwner(passkey_id: string): Promise<Account | null>
  /** True when some account has this passkey. */
  hasPasskey(id: string): Promise<boolean>
}

/** Ceremonies under way: each is bound to its account, its purpose and the sign-in that began it, and works once. */
export type Ceremonies = {
  /** Nothing begins, and nobody is told, for an account that was deleted meanwhile. */
  begin(ceremony: NewCeremony): Promise<void>
  /**
   * Atomic: counts a try, before it is judged. Null when there is no such ceremony, when it is over, was tried too often or is
   * another sign-in's, and when the account's credentials have changed since.
   */
  attempt(attempt: {
    digest: Digest<'ceremony_handle'>
    purpose: CeremonyPurpose
    family_id: string | null
  }): Promise<Ceremony | null>
  /** Atomic: likewise, of a sign-in that a passkey alone is to finish. */
  attemptUnbound(digest: Digest<'ceremony_handle'>): Promise<Omit<Ceremony, 'account'> | null>
  /** Atomic: true for one caller. */
  redeem(digest: Digest<'ceremony_handle'>): Promise<boolean>
}

type Ceremonial = Readonly<{ challenge: Uint8Array; origins: readonly string[] }>

/** WebAuthn Level 3 §7 – Judges what authenticators answer. Never rejects for what they say. */
export type PasskeyVerifier = {
  /** §7.1 – The new passkey; null when anything is not as it was asked for. */
  judgeEnrolment(given: Ceremonial & { attestation: Attestation }): Promise<NewPasskey | null>
  /** §7.2 – What the passkey says now; null when anything is not as it was asked for. */
  judgeAssertion(
    given: Ceremonial & { assertion: Assertion; passkey: Passkey; account_id: string },
  ): Promise<Readonly<{ counter: number; backed_up: boolean }> | null>
}
