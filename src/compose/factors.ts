import type { Config } from '../config.ts'
import type { Peppers } from '../domain/base/pepper.ts'
import { passkeyOrigins } from '../domain/factors/passkey.ts'
import type { AudiencePolicy } from '../domain/oauth/audience.ts'
import type { Client } from '../domain/oauth/client.ts'
import type { Limits } from '../ephemeral/limits.ts'
import type { GuessDelay } from '../flows/access/guess-delay.ts'
import type { KnownDevices } from '../flows/access/known-devices.ts'
import type { RequireResources } from '../flows/access/require-resources.ts'
import { createCeremonySteps } from '../flows/factors/ceremonies.ts'
import { createChangeFactors } from '../flows/factors/change-factors.ts'
import { createFactorOverview } from '../flows/factors/factor-overview.ts'
import { createOfferFactors } from '../flows/factors/offer-factors.ts'
import { createPasskeyEnrolment } from '../flows/factors/passkey-enrolment.ts'
import { createProveFactor } from '../flows/factors/prove-factor.ts'
import { createProveOwnFactor } from '../flows/factors/prove-own-factor.ts'
import type { RequireStepUp } from '../flows/factors/require-step-up.ts'
import { createTotpEnrolment } from '../flows/factors/totp-enrolment.ts'
import type { Notices } from '../flows/mail/notices.ts'
import type { NotifyOwner } from '../flows/mail/notify-owner.ts'
import type { CompleteSignIn } from '../flows/sign-in/complete-sign-in.ts'
import { createPasskeySignIn } from '../flows/sign-in/passkey-sign-in.ts'
import { createSecondFactorSignIn } from '../flows/sign-in/second-factor-sign-in.ts'
import { createStepUp } from '../flows/sign-in/step-up.ts'
import type { Issue } from '../grants/issue.ts'
import { createPasskeyVerifier } from '../platform/passkeys.ts'
import type { Clients } from '../ports/clients.ts'
import type { Clock, Metrics, Random } from '../ports/effects.ts'
import type { Limit } from '../ports/limits.ts'
import type { Stores } from './stores.ts'

type Parts = Stores &
  Readonly<{
    guessDelay: GuessDelay
    clients: Clients
    clock: Clock
    issue: Issue
    knownDevices: KnownDevices
    notices: Notices
    limits: Limits
    metrics: Metrics
    peppers: Peppers
    policy: AudiencePolicy
    random: Random
    signInLimit: Limit
    proofs: ReturnType<typeof composeProofs>
    requireResources: RequireResources
    requireStepUp: RequireStepUp
    /** Notifies the owner of a new device. */
    completeSignIn: CompleteSignIn
    /** Notifies the owner of changed factors. */
    notifyOwner: NotifyOwner
  }>

type ProofParts = Omit<
  Parts,
  'completeSignIn' | 'notifyOwner' | 'proofs' | 'requireResources' | 'requireStepUp'
>

/** What judges second factors, at a sign-in and afterwards. */
export const composeProofs = (config: Config, parts: ProofParts) => {
  const { limits } = parts
  const issuer = config.ISSUER
  const { hostname } = new URL(issuer)
  const rp_id = config.PASSKEY_RP_ID ?? hostname
  const passkeyVerifier = createPasskeyVerifier({ rp_id })
  const ceremonySteps = createCeremonySteps(parts)
  const limit = limits('second-factor', config.RATE_LIMIT_SECOND_FACTOR)
  const needs = {
    ...parts,
    passkeyVerifier,
    ceremonySteps,
    rp_id,
    originsOf: (client: Client) => passkeyOrigins(client, { issuer, origins: config.CORS_ORIGINS }),
  }
  const proveFactor = createProveFactor({ ...needs, limit })
  return { ...needs, proveFactor, proveOwnFactor: createProveOwnFactor({ ...needs, proveFactor }) }
}

/** The parts of second factors, put in their places. */
export const composeFactors = (config: Config, parts: Parts) => {
  const { proofs, notifyOwner } = parts
  const needs = {
    ...parts,
    ...proofs,
    issuer_name: new URL(config.ISSUER).host,
  }
  const halves = { ...needs, offerFactors: createOfferFactors(needs) }
  const enrolling = { ...needs, change: createChangeFactors(needs) }
  const totp = createTotpEnrolment(enrolling)
  const passkeys = createPasskeyEnrolment(enrolling)
  const overview = createFactorOverview(enrolling)
  return {
    secondFactorSignIn: createSecondFactorSignIn(halves),
    passkeySignIn: createPasskeySignIn(halves),
    stepUp: createStepUp(halves),
    totpEnrolment: {
      ...totp,
      confirm: notifyOwner.factorChange(totp.confirm),
      remove: notifyOwner.factorChange(totp.remove),
    },
    passkeyEnrolment: {
      ...passkeys,
      confirm: notifyOwner.factorChange(passkeys.confirm),
      remove: notifyOwner.factorChange(passkeys.remove),
    },
    factorOverview: {
      ...overview,
      renewRecoveryCodes: notifyOwner.factorChange(overview.renewRecoveryCodes),
    },
  }
}
