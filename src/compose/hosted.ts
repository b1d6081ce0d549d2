import type { Config } from '../config.ts'
import { createApplications } from '../flows/account/applications.ts'
import { createOwnProfile } from '../flows/account/own-profile.ts'
import { createAuthorize } from '../flows/oauth/authorize.ts'
import { createLogout } from '../flows/oauth/logout.ts'
import { createInteractions } from '../http/hosted/interactions.ts'
import { createProgress } from '../http/hosted/progress.ts'
import { createSessionForms } from '../http/hosted/session-forms.ts'
import { createCookie } from '../http/server/cookies.ts'
import type { ComposedAccounts } from './accounts.ts'
import type { Base } from './base.ts'

type Parts = Base & Pick<ComposedAccounts, 'offerFactors' | 'deviceCookie'>

/** The authorization endpoint, and the pages that a person sees on the way. */
export const composeHosted = (config: Config, parts: Parts) => {
  const { issuer } = parts
  const isSignUpOpen = config.SIGN_UP === 'open'
  const min_characters = config.PASSWORD_MIN_CHARACTERS
  const interactions = createInteractions({
    ...parts,
    sessionCookie: createCookie('signet-session', issuer, 'Lax'),
    browserCookie: createCookie('signet-browser', issuer, 'Lax'),
    session_max_seconds: config.SESSION_MAX_SECONDS,
  })
  const authorize = createAuthorize(parts)
  const progress = createProgress({ ...parts, authorize, interactions, isSignUpOpen, min_characters })
  const logout = createLogout(parts)
  return {
    ...progress,
    authorize,
    logout,
    interactions,
    sessionForms: createSessionForms(parts),
    applications: createApplications(parts),
    ownProfile: createOwnProfile(parts),
    isSignUpOpen,
    min_characters,
  }
}

export type ComposedHosted = ReturnType<typeof composeHosted>
