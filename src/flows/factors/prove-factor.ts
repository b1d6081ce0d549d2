import type { Peppers } from '../../domain/base/pepper.ts'
import { type Assertion, methodOf } from '../../domain/factors/passkey.ts'
import { digestOfRecoveryCode } from '../../domain/factors/recovery-code.ts'
import {
  NONCE_BYTES,
  pepperIdOf,
  type SealedSecret,
  seal,
  unseal,
} from '../../domain/factors/sealed-secret.ts'
import { findTotpStep, TOTP_FAILURES_AT_MOST, TOTP_FAILURES_TOLD } from '../../domain/factors/totp.ts'
import type { FactorMethod } from '../../domain/oauth/acr.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { ProblemReason } from '../../domain/refusals/problem-reasons.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import type { Factors, PasskeyVerifier } from '../../ports/factors.ts'
import type { Limit } from '../../ports/limits.ts'
import type { GuessDelay } from '../access/guess-delay.ts'

/** Takes no time and never fails. */
type NotifyOfTotp = (about: Readonly<{ sub: string; request_id: string }>) => void

type Needs = Readonly<{
  factors: Factors
  passkeyVerifier: PasskeyVerifier
  guessDelay: GuessDelay
  /** The codes of one account; those of each known device are counted apart. A code beyond the limit waits, and is judged. */
  limit: Limit
  /** Mails to the account's owner. */
  notices: Readonly<{ totpFailed: NotifyOfTotp; totpClosed: NotifyOfTotp }>
  peppers: Peppers
  random: Random
  clock: Clock
}>

/** The second factor that a request presents. */
export type Proof = Readonly<
  | { kind: 'totp'; code: string }
  | { kind: 'recovery_code'; code: string }
  | { kind: 'passkey'; assertion: Assertion }
>

/** The account that the proof must belong to; for a passkey also the challenge and the origins of the pages. */
export type ProofContext = Readonly<{
  account_id: string
  challenge: Uint8Array
  origins: readonly string[]
  request_id: string
  /** The known device that the proof comes from: its codes are counted apart. */
  device?: Uint8Array | null
}>

/** Judges a proof and spends it. Throws the same 401 for every wrong proof. */
export type ProveFactor = (proof: Proof, context: ProofContext) => Promise<FactorMethod>

/**
 * RFC 6238 §5.2, WebAuthn §7.2 – Proves a second factor. Ours: only the six digits of a TOTP can be guessed, so that only they are delayed
 * and counted. Guesses from unknown devices never delay the codes of a known device. After many wrong codes in a row TOTP is closed for
 * devices of that kind (known or unknown). A passkey or a recovery code is always judged, and opens TOTP again; a mailed link for a new
 * password opens it for three tries.
 */
export const createProveFactor = (needs: Needs): ProveFactor => {
  const { factors, passkeyVerifier } = needs
  return async (proof, context) => {
    switch (proof.kind) {
      case 'totp':
        await proveTotp(needs, proof.code, context)
        return 'otp'
      case 'recovery_code': {
        const { account_id } = context
        const digest = digestOfRecoveryCode(proof.code)
        if (digest === null || !(await factors.spendRecoveryCode({ account_id, digest })))
          throw invalid('recovery_code_unknown')
        // RFC 8176 §2 – A recovery code is a one-time password that was made beforehand.
        return 'otp'
      }
      case 'passkey':
        return provePasskey(factors, passkeyVerifier, proof.assertion, context)
    }
  }
}

type Reason = ProblemReason<'AUTH_SECOND_FACTOR_INVALID'>

const invalid = (reason: Reason) => new Problem('AUTH_SECOND_FACTOR_INVALID', { reason })

const proveTotp = async (
  needs: Needs,
  code: string,
  { account_id, request_id, device = null }: ProofContext,
): Promise<void> => {
  const { limit, guessDelay, factors, notices } = needs
  const known = device === null ? '' : `:${Buffer.from(device).toString('hex')}`
  const allowance = await limit.consume(`${account_id}${known}`)
  const isFlooded = allowance?.isAllowed === false
  const subject = `second factor of ${account_id}`
  const attempt = await guessDelay({ subject, device, ...(isFlooded ? { isFlooded } : {}) })
  const totp = await factors.attemptTotp({ account_id, isKnownDevice: device !== null })
  if (totp === null) throw invalid('totp_absent')
  if (totp === 'closed') throw new Problem('AUTH_TOTP_CLOSED')
  const refusal = await spendTotp(needs, {
    code,
    account_id,
    sealed: totp.secret,
    isKnownDevice: device !== null,
  })
  if (refusal === null) return attempt.succeeded()
  await attempt.failed()
  if (totp.failures === TOTP_FAILURES_TOLD) notices.totpFailed({ sub: account_id, request_id })
  if (totp.failures === TOTP_FAILURES_AT_MOST) notices.totpClosed({ sub: account_id, request_id })
  throw invalid(refusal)
}

type Attempted = Readonly<{ code: string; account_id: string; sealed: SealedSecret; isKnownDevice: boolean }>

/** Spends a code. Returns the reason of a refusal, for the log alone; null when the code was good. */
const spendTotp = async (
  needs: Needs,
  { code, account_id, sealed, isKnownDevice }: Attempted,
): Promise<Reason | null> => {
  const { factors, peppers, clock } = needs
  const secret = unseal(sealed, account_id, peppers)
  if (secret === null) return 'totp_unreadable'
  const step = findTotpStep(code, secret, clock())
  if (step === null) return 'totp_wrong'
  const resealed = reseal(needs, { sealed, secret, owner: account_id })
  const isSpent = await factors.spendTotpStep({ account_id, step, resealed, isKnownDevice })
  return isSpent ? null : 'totp_replayed'
}

type Opened = Readonly<{ sealed: SealedSecret; secret: Uint8Array; owner: string }>

/** Seals a secret of an older pepper with the newest one, so that the older pepper can be dropped some day. */
const reseal = ({ peppers, random }: Needs, { sealed, secret, owner }: Opened): SealedSecret | null => {
  const [pepper] = peppers
  if (pepperIdOf(sealed) === pepper.id) return null
  return seal(secret, { owner, nonce: random.bytes(NONCE_BYTES) }, pepper)
}

const provePasskey = async (
  factors: Factors,
  verifier: PasskeyVerifier,
  assertion: Assertion,
  { account_id, challenge, origins }: ProofContext,
): Promise<FactorMethod> => {
  const { passkeys } = await factors.find(account_id)
  const passkey = passkeys.find(({ id }) => id === assertion.id)
  if (passkey === undefined) throw invalid('passkey_unknown')
  const judged = await verifier.judgeAssertion({ assertion, passkey, account_id, challenge, origins })
  if (judged === null) throw invalid('passkey_assertion')
  if (!(await factors.usePasskey({ account_id, id: passkey.id, ...judged }))) throw invalid('passkey_counter')
  return methodOf(passkey)
}
