import type { Config } from '../config.ts'
import { passkeyOrigins } from '../domain/factors/passkey.ts'
import type { Client } from '../domain/oauth/client.ts'
import type { Upstream } from '../domain/upstream/upstream.ts'
import type { GuessDelay } from '../flows/access/guess-delay.ts'
import type { KnownDevices } from '../flows/access/known-devices.ts'
import type { RequireResources } from '../flows/access/require-resources.ts'
import { createCeremonySteps } from '../flows/factors/ceremonies.ts'
import { createChangeFactors } from '../flows/factors/change-factors.ts'
import { createFactorOverview } from '../flows/factors/factor-overview.ts'
import { createOfferFactors } from '../flows/factors/offer-factors.ts'
import { createOwnSecurity } from '../flows/factors/own-security.ts'
import { createOwnWays } from '../flows/factors/own-ways.ts'
import { createPasskeyEnrolment } from '../flows/factors/passkey-enrolment.ts'
import { createProveFactor } from '../flows/factors/prove-factor.ts'
import { createProveOwnFactor } from '../flows/factors/prove-own-factor.ts'
import type { RequireStepUp } from '../flows/factors/require-step-up.ts'
import { createTotpEnrolment } from '../flows/factors/totp-enrolment.ts'
import type { Notices } from '../flows/mail/notices.ts'
import type { NotifyOwner } from '../flows/mail/notify-owner.ts'
import type { SignedInOnPages } from '../flows/sign-in/browser-sign-in.ts'
import type { CompleteSignIn } from '../flows/sign-in/complete-sign-in.ts'
import type { CountSignIns } from '../flows/sign-in/count-sign-ins.ts'
import { createPasskeyOnPages } from '../flows/sign-in/passkey-on-pages.ts'
import { createPasskeySignIn, createProvePasskeyOwner } from '../flows/sign-in/passkey-sign-in.ts'
import { createSecondFactorSignIn } from '../flows/sign-in/second-factor-sign-in.ts'
import { createStepUp } from '../flows/sign-in/step-up.ts'
import type { Issue } from '../grants/issue.ts'
import { createPasskeyVerifier } from '../platform/passkeys.ts'
import type { Limit } from '../ports/limits.ts'
import type { Base } from './base.ts'

type ProofParts = Base &
  Readonly<{
    guessDelay: GuessDelay
    knownDevices: KnownDevices
    notices: Notices
  }>

type Parts = ProofParts &
  ReturnType<typeof composeProofs> &
  Readonly<{
    issue: Issue
    signInLimit: Limit
    countSignIns: CountSignIns
    requireResources: RequireResources
    requireStepUp: RequireStepUp
    /** Notifies the owner of a new device. */
    completeSignIn: CompleteSignIn
    /** The same for a sign-in on the hosted pages. */
    openBrowserSession: CompleteSignIn<SignedInOnPages>
    /** Notifies the owner of changed factors. */
    notifyOwner: NotifyOwner
    /** UPSTREAMS_FILE, as it is now. */
    upstreams: () => readonly Upstream[]
  }>

/** The verification of second factors, at a sign-in and afterwards. */
export const composeProofs = (config: Config, parts: ProofParts) => {
  const { issuer, limits } = parts
  const rp_id = config.PASSKEY_RP_ID ?? new URL(issuer).hostname
  const shared = {
    rp_id,
    passkeyVerifier: createPasskeyVerifier({ rp_id }),
    ceremonySteps: createCeremonySteps(parts),
    originsOf: (client: Client) => passkeyOrigins(client, { issuer, origins: config.CORS_ORIGINS }),
  }
  const limit = limits('second-factor', config.RATE_LIMIT_SECOND_FACTOR)
  const proveFactor = createProveFactor({ ...parts, ...shared, limit })
  const proveOwnFactor = createProveOwnFactor({ ...parts, ...shared, proveFactor })
  return { ...shared, proveFactor, proveOwnFactor }
}

/** Second factors: signing in with them, and changing them. */
export const composeFactors = (config: Config, parts: Parts) => {
  const { notifyOwner } = parts
  const needs = { ...parts, issuer_name: new URL(config.ISSUER).host }
  const halves = { ...needs, offerFactors: createOfferFactors(needs) }
  const ownSecurity = createOwnSecurity(needs)
  const ownWays = createOwnWays({ ...needs, ownSecurity })
  const enrolling = { ...needs, ownWays, change: createChangeFactors(needs) }
  const provePasskeyOwner = createProvePasskeyOwner(needs)
  const totp = createTotpEnrolment(enrolling)
  const passkeys = createPasskeyEnrolment(enrolling)
  const overview = createFactorOverview(enrolling)
  const counted = <R, A>(flow: (request: R) => Promise<A>) => parts.countSignIns(flow, () => 'signed_in')
  const secondFactorSignIn = createSecondFactorSignIn(halves)
  const passkeySignIn = createPasskeySignIn({ ...halves, provePasskeyOwner })
  const onPages = createSecondFactorSignIn({ ...halves, completeSignIn: parts.openBrowserSession })
  return {
    ownSecurity,
    ownWays,
    secondFactorSignIn: {
      ...secondFactorSignIn,
      finish: counted(secondFactorSignIn.finish),
    },
    passkeySignIn: { ...passkeySignIn, finish: counted(passkeySignIn.finish) },
    secondFactorOnPages: { ...onPages, finish: counted(onPages.finish) },
    offerFactors: halves.offerFactors,
    passkeyOnPages: counted(
      createPasskeyOnPages({ ...needs, provePasskeyOwner, completeSignIn: parts.openBrowserSession }),
    ),
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
