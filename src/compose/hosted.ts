import type { Config } from '../config.ts'
import { createApplications } from '../flows/account/applications.ts'
import { createOwnProfile } from '../flows/account/own-profile.ts'
import type { Notices } from '../flows/mail/notices.ts'
import { createAuthorize } from '../flows/oauth/authorize.ts'
import { createShowLogos } from '../flows/oauth/client-logos.ts'
import { createDecideDevice } from '../flows/oauth/decide-device.ts'
import { createLogout } from '../flows/oauth/logout.ts'
import { createOfferInvitation } from '../flows/sign-in/invitation.ts'
import { createInteractions, createPasskeyRequestOf } from '../http/hosted/interactions.ts'
import { createLinkProven } from '../http/hosted/link-proven.ts'
import { createProgress } from '../http/hosted/progress.ts'
import { createSessionForms } from '../http/hosted/session-forms.ts'
import { createCookie, createCookieSet } from '../http/server/cookies.ts'
import type { ComposedAccounts } from './accounts.ts'
import type { Base } from './base.ts'
import type { ComposedOAuth } from './oauth.ts'
import type { ComposedUpstream } from './upstream.ts'

type Parts = Base &
  Readonly<{ notices: Notices }> &
  Pick<ComposedAccounts, 'offerFactors' | 'deviceCookie' | 'sendLinks' | 'rp_id' | 'signInLimit'> &
  Pick<ComposedOAuth, 'issue' | 'readRequestObject'> &
  Pick<ComposedUpstream, 'linkIdentity'>

/** The authorization endpoint, and the pages that a person sees on the way. */
export const composeHosted = (config: Config, parts: Parts) => {
  const { issuer } = parts
  const sign_up = config.SIGN_UP
  const isResetOffered = !parts.sendLinks.isOff
  const passkeyRequestOf = createPasskeyRequestOf(parts)
  const min_characters = config.PASSWORD_MIN_CHARACTERS
  const interactions = createInteractions({
    ...parts,
    sessionCookie: createCookie('signet-session', issuer, 'Lax'),
    browserCookies: createCookieSet('signet-browser', issuer),
    session_max_seconds: config.SESSION_MAX_SECONDS,
  })
  const { requireLength } = parts.issue
  const authorize = createAuthorize({
    ...parts,
    requireLength,
    limit: parts.signInLimit,
    isPushRequired: config.REQUIRE_PUSHED_AUTHORIZATION_REQUESTS === 'on',
  })
  const showLogos = createShowLogos(parts)
  const progress = createProgress({
    ...parts,
    findLogo: showLogos.find,
    authorize,
    interactions,
    linkProven: createLinkProven(parts),
    sign_up,
    isResetOffered,
    passkeyRequestOf,
    min_characters,
  })
  return {
    ...progress,
    showLogos,
    authorize,
    decideDevice: createDecideDevice({
      ...parts,
      userCodeLimit: parts.limits('user-codes', config.RATE_LIMIT_USER_CODES),
    }),
    logout: createLogout(parts),
    interactions,
    sessionForms: createSessionForms(parts),
    applications: createApplications(parts),
    offerInvitation: createOfferInvitation(parts),
    ownProfile: createOwnProfile(parts),
    sign_up,
    isResetOffered,
    passkeyRequestOf,
    min_characters,
  }
}

export type ComposedHosted = ReturnType<typeof composeHosted>
