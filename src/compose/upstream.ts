import type { Config } from '../config.ts'
import { formOriginsOf, type Upstream } from '../domain/upstream/upstream.ts'
import type { Notices } from '../flows/mail/notices.ts'
import { createAskIdentity } from '../flows/upstream/ask-identity.ts'
import { createOwnIdentities } from '../flows/upstream/own-identities.ts'
import { createProviders } from '../flows/upstream/providers.ts'
import { createUpstreamSignIn } from '../flows/upstream/upstream-sign-in.ts'
import { createVerifyIdToken } from '../flows/upstream/verify-id-token.ts'
import { createUpstreamAttempts } from '../http/hosted/upstream-attempts.ts'
import type { UpstreamOffer } from '../http/layout/layout.ts'
import { createKeyedCookies } from '../http/server/cookies.ts'
import type { ListedUpstream } from '../platform/config-files/upstreams-file.ts'
import type { ComposedAccounts } from './accounts.ts'
import type { Base } from './base.ts'

type Listed = Readonly<{
  /** UPSTREAMS_FILE, as it is now. */
  shownUpstreams: () => readonly ListedUpstream[]
}>

type Parts = Omit<Base, 'limits'> &
  Listed &
  Readonly<{ notices: Notices; upstreams: () => readonly Upstream[] }> &
  Pick<
    ComposedAccounts,
    | 'openBrowserSession'
    | 'notifyOwner'
    | 'requireStepUp'
    | 'secondFactorOnPages'
    | 'deviceCookie'
    | 'limits'
    | 'countSignIns'
    | 'knownDevices'
    | 'ownWays'
  >

/** The sign-in at other providers, and the identities of a person there. */
export const composeUpstream = (config: Config, { limits, ...parts }: Parts) => {
  const { notices, notifyOwner, openBrowserSession, shownUpstreams, issuer } = parts
  const providers = createProviders({ ...parts, outbound_allow: config.OUTBOUND_ALLOW })
  const verifyIdToken = createVerifyIdToken({ ...parts, providers })
  const askIdentity = createAskIdentity({ ...parts, providers, verifyIdToken })
  const ownIdentities = createOwnIdentities({
    ...parts,
    onLinked: notices.identityLinked,
    onUnlinked: notices.identityUnlinked,
  })
  return {
    shownUpstreams,
    askIdentity,
    ownIdentities,
    linkIdentity: ownIdentities.link,
    upstreamAttempts: createUpstreamAttempts({
      ...parts,
      askIdentity,
      attemptCookies: createKeyedCookies('signet-upstream', issuer),
    }),
    signInUpstream: parts.countSignIns(
      createUpstreamSignIn({
        ...parts,
        demandSecondFactor: parts.secondFactorOnPages.demand,
        completeSignIn: openBrowserSession,
        completeSignUp: notifyOwner.signUp(openBrowserSession),
        sign_up: config.SIGN_UP,
        limit: limits.register,
      }),
      ({ outcome }) => SIGN_IN_RESULTS_OF[outcome],
    ),
  }
}

/** An identity without an account ends no attempt: the person goes on by a proof, which is counted as itself. */
const SIGN_IN_RESULTS_OF = {
  signed_in: 'signed_in',
  second_factor_needed: 'second_factor_required',
  proof_needed: 'refused',
} as const

export type ComposedUpstream = ReturnType<typeof composeUpstream>

/** The buttons of the providers. */
export const offersOf =
  ({ shownUpstreams }: Listed) =>
  (): readonly UpstreamOffer[] =>
    shownUpstreams().map(({ upstream, icon }) => ({
      id: upstream.id,
      label: upstream.label,
      icon_version: icon?.version ?? null,
      form_origins: formOriginsOf(upstream),
    }))
