import type { FactorMethod } from '../oauth/acr.ts'
import type { Client } from '../oauth/client.ts'
import { CEREMONY_SECONDS } from './ceremony.ts'

/** WebAuthn Level 3 §4 – A stored credential of a person. */
export type Passkey = Readonly<{
  /** WebAuthn §4 – The credential id, in base64url, chosen by the authenticator. */
  id: string
  public_key: Uint8Array
  /**
   * WebAuthn §6.1.1 – The counter of the last assertion; always 0 for an authenticator that does not count. Whether the counter rises is
   * judged in SQL, by store/factors/factor-proofs.ts.
   */
  counter: number
  transports: readonly string[]
  /** WebAuthn §6.1.3 – True when the credential may be copied to other devices; `backed_up` when it has been. */
  backup_eligible: boolean
  backed_up: boolean
  label: string
  created_at: Date
  last_used_at: Date | null
}>

/** RFC 8176 §2 – A passkey that can be copied to other devices counts as a key in software. */
export const methodOf = ({ backup_eligible }: Pick<Passkey, 'backup_eligible'>): FactorMethod =>
  backup_eligible ? 'swk' : 'hwk'

export type NewPasskey = Omit<Passkey, 'label' | 'created_at' | 'last_used_at'>

/** WebAuthn §5.1.9 – `PublicKeyCredential.toJSON()` of an enrolment. */
export type Attestation = Readonly<{
  id: string
  rawId: string
  response: Readonly<{
    clientDataJSON: string
    attestationObject: string
    transports?: readonly string[] | undefined
  }>
}>

/** WebAuthn §5.1.9 – `PublicKeyCredential.toJSON()` of an assertion. */
export type Assertion = Readonly<{
  id: string
  rawId: string
  response: Readonly<{
    clientDataJSON: string
    authenticatorData: string
    signature: string
    userHandle?: string | null | undefined
  }>
}>

/** Ours (docs/decisions/0029): what the account API shows of a passkey. */
export const presentPasskey = ({ id, label, backed_up, created_at, last_used_at }: Passkey) => ({
  id,
  label,
  backed_up,
  created_at: created_at.toISOString(),
  last_used_at: last_used_at?.toISOString() ?? null,
})

/** RFC 9053 §2, RFC 8812 §2 – EdDSA, ES256 and RS256, which cover all common authenticators. */
export const PASSKEY_ALGORITHMS = [-8, -7, -257]

/** Time that the browser gives the person: the lifetime of the challenge. */
const TIMEOUT_MILLISECONDS = CEREMONY_SECONDS * 1000

type Enrolment = Readonly<{
  rp_id: string
  challenge: Uint8Array
  account: Readonly<{ id: string; email: string }>
  passkeys: readonly Passkey[]
}>

/** WebAuthn §5.4 – What `PublicKeyCredential.parseCreationOptionsFromJSON` takes. */
export const creationOptions = ({ rp_id, challenge, account, passkeys }: Enrolment) => ({
  rp: { id: rp_id, name: rp_id },
  user: { id: userHandleOf(account.id), name: account.email, displayName: account.email },
  challenge: base64url(challenge),
  pubKeyCredParams: PASSKEY_ALGORITHMS.map(alg => ({ type: 'public-key', alg })),
  timeout: TIMEOUT_MILLISECONDS,
  excludeCredentials: passkeys.map(descriptorOf),
  authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
  attestation: 'none',
})

/** WebAuthn §5.5 – What `PublicKeyCredential.parseRequestOptionsFromJSON` takes. */
export const requestOptions = ({ rp_id, challenge, passkeys }: Omit<Enrolment, 'account'>) => ({
  rpId: rp_id,
  challenge: base64url(challenge),
  timeout: TIMEOUT_MILLISECONDS,
  allowCredentials: passkeys.map(descriptorOf),
  userVerification: 'required',
})

export type PasskeyRequest = ReturnType<typeof requestOptions>
export type PasskeyCreation = ReturnType<typeof creationOptions>

type Accepted = Pick<Enrolment, 'rp_id' | 'passkeys'> & Readonly<{ account_id: string }>

/** WebAuthn Level 3 §5.1.10.3 – What `PublicKeyCredential.signalAllAcceptedCredentials` takes: the browser forgets the others. */
export const acceptedPasskeys = ({ rp_id, account_id, passkeys }: Accepted) => ({
  rpId: rp_id,
  userId: userHandleOf(account_id),
  allAcceptedCredentialIds: passkeys.map(({ id }) => id),
})

export type AcceptedPasskeys = ReturnType<typeof acceptedPasskeys>

/** WebAuthn §5.4.3 – The user handle: the bytes of the account's id, which tell nothing about the person. */
export const userHandleOf = (account_id: string): string =>
  Buffer.from(account_id.replaceAll('-', ''), 'hex').toString('base64url')

/** WebAuthn §13.4.9 – The origins that may ask for a passkey: the issuer, the configured ones, and those of the client. */
export const passkeyOrigins = (
  { redirect_uris }: Pick<Client, 'redirect_uris'>,
  { issuer, origins }: Readonly<{ issuer: string; origins: readonly string[] }>,
): readonly string[] => {
  const own = redirect_uris.map(uri => new URL(uri).origin).filter(origin => origin !== 'null')
  return [...new Set([issuer, ...origins, ...own])]
}

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const descriptorOf = ({ id, transports }: Passkey) => ({ type: 'public-key', id, transports })
