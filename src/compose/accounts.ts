import { type Config, endingLimitOf } from '../config.ts'
import type { Upstream } from '../domain/upstream/upstream.ts'
import { createGuessFailures } from '../ephemeral/guess-failures.ts'
import { createAuthenticateBearer } from '../flows/access/authenticate-bearer.ts'
import { createGuessDelay } from '../flows/access/guess-delay.ts'
import { createKnownDevices } from '../flows/access/known-devices.ts'
import { createReadFirstPartyToken } from '../flows/access/read-first-party-token.ts'
import { createRequireResources } from '../flows/access/require-resources.ts'
import { createChangePassword } from '../flows/account/change-password.ts'
import { createDeleteAccount } from '../flows/account/delete-account.ts'
import { createExportAccount, createExportPerson } from '../flows/account/export-account.ts'
import { createJudgeNewPassword } from '../flows/account/judge-new-password.ts'
import { createHoldsRefreshToken } from '../flows/factors/holds-refresh-token.ts'
import { createRequireStepUp } from '../flows/factors/require-step-up.ts'
import { createOpenBrowserSession } from '../flows/sign-in/browser-sign-in.ts'
import { createCompleteSignIn } from '../flows/sign-in/complete-sign-in.ts'
import { createCountSignIns } from '../flows/sign-in/count-sign-ins.ts'
import { createDevices } from '../flows/sign-in/devices.ts'
import { createMovePassword, type MovePassword, movesNoPassword } from '../flows/sign-in/move-password.ts'
import { createOpenSignIn } from '../flows/sign-in/open-sign-in.ts'
import { createRefresh } from '../flows/sign-in/refresh.ts'
import { createSignIn } from '../flows/sign-in/sign-in.ts'
import { createSignIns } from '../flows/sign-in/sign-ins.ts'
import { createSignOut } from '../flows/sign-in/sign-out.ts'
import { createSignUp } from '../flows/sign-in/sign-up.ts'
import { createCookieTransport } from '../http/accounts/cookie-transport.ts'
import { createCookie } from '../http/server/cookies.ts'
import { createCsrf } from '../http/server/csrf.ts'
import { createTimingFloor } from '../platform/timing-floor.ts'
import type { Base } from './base.ts'
import { composeFactors, composeProofs } from './factors.ts'
import type { ComposedMail } from './mail.ts'
import type { ComposedOAuth } from './oauth.ts'

type Parts = Base &
  Pick<ComposedOAuth, 'raiseAlert' | 'issue' | 'rotate' | 'proveSender'> &
  Readonly<{
    mail: ComposedMail
    /** UPSTREAMS_FILE, as it is now. */
    upstreams: () => readonly Upstream[]
  }>

/** Composes the account API: its flows, limits and transports. */
export const composeAccounts = (config: Config, { mail, ...base }: Parts) => {
  const limits = composeLimits(config, base, mail)
  const { notices } = mail
  const parts = { ...base, ...composeAccess(config, base), notices, sign_up: config.SIGN_UP }
  const signInLimit = base.limits('sign-ins', config.RATE_LIMIT_ACCOUNTS)
  const openSignIn = createOpenSignIn({ ...parts, limit: signInLimit })
  const completeSignIn = createCompleteSignIn({ ...parts, openSignIn })
  const proofs = composeProofs(config, parts)
  const holdsRefreshToken = createHoldsRefreshToken(parts)
  const requireStepUp = createRequireStepUp({
    ...parts,
    ...proofs,
    holdsRefreshToken,
    limit: limits.password,
  })
  const { notifyOwner, ...links } = mail.withAccounts({ ...parts, requireStepUp })
  const openBrowserSession = notifyOwner.signIn(createOpenBrowserSession({ ...parts, limit: signInLimit }))
  const factors = composeFactors(config, {
    ...parts,
    ...proofs,
    requireStepUp,
    signInLimit,
    notifyOwner,
    completeSignIn: notifyOwner.signIn(completeSignIn),
    openBrowserSession,
  })
  const checks = {
    ...parts,
    demandSecondFactor: factors.secondFactorSignIn.demand,
    movePassword: composeMovePassword(config, parts),
    password_cost: config.PASSWORD_COST,
  }
  return {
    ...links,
    ...factors,
    ...composeTransport(config, base),
    rp_id: proofs.rp_id,
    knownDevices: parts.knownDevices,
    countSignIns: parts.countSignIns,
    notifyOwner,
    openBrowserSession,
    openSignIn,
    requireStepUp,
    limits,
    signInLimit,
    authenticateBearer: createAuthenticateBearer(parts),
    requireResources: parts.requireResources,
    signUp: notifyOwner.signUp(createSignUp({ ...parts, completeSignIn })),
    signIn: parts.countSignIns(
      createSignIn({ ...checks, completeSignIn: notifyOwner.signIn(completeSignIn) }),
      outcomeOf,
    ),
    signInOnPages: parts.countSignIns(
      createSignIn({ ...checks, completeSignIn: openBrowserSession }),
      outcomeOf,
    ),
    signUpOnPages: notifyOwner.signUp(createSignUp({ ...parts, completeSignIn: openBrowserSession })),
    refresh: createRefresh(parts),
    signOut: createSignOut(parts),
    signIns: createSignIns({ ...parts, endingLimit: limits.ending }),
    devices: createDevices({ ...parts, endingLimit: limits.ending }),
    changePassword: notifyOwner.changePassword(createChangePassword({ ...parts, requireStepUp })),
    deleteAccount: createDeleteAccount({ ...parts, requireStepUp }),
    ...composeExports({ ...parts, ...factors, limit: limits.export }),
  }
}

export type ComposedAccounts = ReturnType<typeof composeAccounts>

/** A right password alone signs in only where the account has no second factor. */
const outcomeOf = ({ outcome }: Readonly<{ outcome: string }>) =>
  outcome === 'signed_in' ? outcome : 'second_factor_required'

type Exporting = Parameters<typeof createExportPerson>[0] &
  Pick<Parameters<typeof createExportAccount>[0], 'limit'>

/** The export for administrators, and the one for the person. */
const composeExports = (parts: Exporting) => {
  const exportPerson = createExportPerson(parts)
  return { exportPerson, exportAccount: createExportAccount({ ...parts, exportPerson }) }
}

/** One floor for both transports: refusals of either take the same time. */
const composeMovePassword = (config: Config, base: Base): MovePassword => {
  const { PASSWORD_HOOK_URL: url, PASSWORD_HOOK_UNTIL: until, PASSWORD_HOOK_FOR: scope } = config
  if (url === null || until === null) return movesNoPassword
  return createMovePassword({ ...base, hook: { url, until, scope }, timingFloor: createTimingFloor(base) })
}

const composeLimits = (config: Config, { limits: limit }: Base, mail: ComposedMail) => ({
  login: limit('login', config.RATE_LIMIT_LOGIN),
  register: limit('register', config.RATE_LIMIT_REGISTER),
  password: limit('password', config.RATE_LIMIT_PASSWORD),
  export: limit('export', config.RATE_LIMIT_PASSWORD),
  ending: limit('sign-outs', endingLimitOf(config)),
  accounts: limit('accounts', config.RATE_LIMIT_ACCOUNTS),
  mail: mail.limit,
})

/** The checks that several flows begin with. */
const composeAccess = (config: Config, base: Omit<Parts, 'mail'>) => ({
  guessDelay: createGuessDelay({ ...base, failures: createGuessFailures(base.redis) }),
  judgeNewPassword: createJudgeNewPassword({ ...base, min_characters: config.PASSWORD_MIN_CHARACTERS }),
  knownDevices: createKnownDevices(base),
  countSignIns: createCountSignIns(base),
  readFirstPartyToken: createReadFirstPartyToken(base),
  requireResources: createRequireResources(base),
})

/** Cookies, and the refusal of foreign pages. */
const composeTransport = (config: Config, { clients, issuer }: Base) => {
  const csrf = createCsrf({ issuer, origins: config.CORS_ORIGINS, clients })
  return {
    csrf,
    cookieTransport: createCookieTransport({ cookie: createCookie('signet-refresh', issuer), csrf }),
    deviceCookie: createCookie('signet-device', issuer),
  }
}
