import { type Config, times } from '../config.ts'
import type { Peppers } from '../domain/base/pepper.ts'
import type { AudiencePolicy } from '../domain/oauth/audience.ts'
import type { Lifetimes } from '../domain/sign-in/refresh-family.ts'
import { createGuessFailures } from '../ephemeral/guess-failures.ts'
import type { Limits } from '../ephemeral/limits.ts'
import type { RedisConnection } from '../ephemeral/redis.ts'
import { createGuessDelay } from '../flows/access/guess-delay.ts'
import { createKnownDevices } from '../flows/access/known-devices.ts'
import { createRequireResources } from '../flows/access/require-resources.ts'
import { createChangePassword } from '../flows/account/change-password.ts'
import { createDeleteAccount } from '../flows/account/delete-account.ts'
import { createExportAccount } from '../flows/account/export-account.ts'
import { createJudgeNewPassword } from '../flows/account/judge-new-password.ts'
import { createHoldsRefreshToken } from '../flows/factors/holds-refresh-token.ts'
import { createRequireStepUp } from '../flows/factors/require-step-up.ts'
import { createCompleteSignIn } from '../flows/sign-in/complete-sign-in.ts'
import type { OpenSignIn } from '../flows/sign-in/open-sign-in.ts'
import { createRefresh } from '../flows/sign-in/refresh.ts'
import { createSignIn } from '../flows/sign-in/sign-in.ts'
import { createSignIns } from '../flows/sign-in/sign-ins.ts'
import { createSignOut } from '../flows/sign-in/sign-out.ts'
import { createSignUp } from '../flows/sign-in/sign-up.ts'
import type { Issue } from '../grants/issue.ts'
import type { Rotate } from '../grants/rotate.ts'
import { createCookieTransport } from '../http/accounts/cookie-transport.ts'
import { createCookie } from '../http/server/cookies.ts'
import { createCsrf } from '../http/server/csrf.ts'
import type { Accounts } from '../ports/accounts.ts'
import type { Clients } from '../ports/clients.ts'
import type { Clock, Log, Metrics, Passwords, Random, Wait } from '../ports/effects.ts'
import type { Limit } from '../ports/limits.ts'
import type { Blocklist } from '../ports/revocations.ts'
import type { RefreshFamilies } from '../ports/sign-ins.ts'
import { createAccountLife } from '../store/accounts/account-life.ts'
import { createFactors } from '../store/factors/factors.ts'
import type { Database } from '../store/postgres/database.ts'
import { composeFactors, composeProofs } from './factors.ts'
import type { ComposedMail } from './mail.ts'

type Parts = Readonly<{
  accounts: Accounts
  blocklist: Blocklist
  clients: Clients
  clock: Clock
  database: Database
  issue: Issue
  lifetimes: Lifetimes
  limits: Limits
  log: Log
  metrics: Metrics
  openSignIn: OpenSignIn
  passwords: Passwords
  peppers: Peppers
  policy: AudiencePolicy
  random: Random
  redis: RedisConnection | null
  refreshFamilies: RefreshFamilies
  rotate: Rotate
  signInLimit: Limit
  wait: Wait
  mail: ComposedMail
}>

/** The account API's own parts, put in their places. */
export const composeAccounts = (config: Config, parts: Parts) => {
  const { clients, limits: limit } = parts
  const issuer = config.ISSUER
  const limits = {
    login: limit('login', config.RATE_LIMIT_LOGIN),
    register: limit('register', config.RATE_LIMIT_REGISTER),
    password: limit('password', config.RATE_LIMIT_PASSWORD),
    export: limit('export', config.RATE_LIMIT_PASSWORD),
    ending: limit('sign-outs', times(6, config.RATE_LIMIT_PASSWORD)),
    accounts: limit('accounts', config.RATE_LIMIT_ACCOUNTS),
    mail: parts.mail.limit,
  }
  const knownDevices = createKnownDevices(parts)
  const requireResources = createRequireResources(parts)
  const judgeNewPassword = createJudgeNewPassword({
    passwords: parts.passwords,
    min_characters: config.PASSWORD_MIN_CHARACTERS,
  })
  const guessDelay = createGuessDelay({ failures: createGuessFailures(parts.redis), wait: parts.wait })
  const accountLife = createAccountLife(parts.database, parts.lifetimes)
  const access_token_seconds = config.ACCESS_TOKEN_TTL_SECONDS
  const ending = { ...parts, endingLimit: limits.ending, access_token_seconds }
  const factors = createFactors(parts.database, parts.lifetimes)
  const proofs = composeProofs(config, {
    ...parts,
    factors,
    guessDelay,
    knownDevices,
    notices: parts.mail.notices,
  })
  const requireStepUp = createRequireStepUp({
    ...parts,
    factors,
    guessDelay,
    knownDevices,
    proveOwnFactor: proofs.proveOwnFactor,
    holdsRefreshToken: createHoldsRefreshToken({ ...ending, onReuse: parts.mail.notices.refreshReused }),
    limit: limits.password,
  })
  const { notifyOwner, ...mail } = parts.mail.withAccounts({
    judgeNewPassword,
    requireStepUp,
  })
  const csrf = createCsrf({ issuer, origins: config.CORS_ORIGINS, clients })
  const { SECOND_FACTOR_ROLES: second_factor_roles } = config
  const completeSignIn = createCompleteSignIn({ ...parts, knownDevices, second_factor_roles })
  const withFactors = composeFactors(config, {
    ...parts,
    factors,
    guessDelay,
    knownDevices,
    notices: parts.mail.notices,
    notifyOwner,
    proofs,
    requireResources,
    requireStepUp,
    completeSignIn: notifyOwner.signIn(completeSignIn),
  })
  return {
    ...mail,
    ...withFactors,
    signUp: notifyOwner.signUp(
      createSignUp({ ...parts, requireResources, judgeNewPassword, completeSignIn }),
    ),
    signIn: createSignIn({
      ...parts,
      requireResources,
      knownDevices,
      guessDelay,
      completeSignIn: notifyOwner.signIn(completeSignIn),
      demandSecondFactor: withFactors.secondFactorSignIn.demand,
      password_cost: config.PASSWORD_COST,
    }),
    refresh: createRefresh(parts),
    signOut: createSignOut({ ...parts, access_token_seconds }),
    signIns: createSignIns(ending),
    changePassword: notifyOwner.changePassword(
      createChangePassword({ ...ending, judgeNewPassword, requireStepUp }),
    ),
    deleteAccount: createDeleteAccount({ ...parts, accountLife, requireStepUp }),
    exportAccount: createExportAccount({ ...parts, ...withFactors, accountLife, limit: limits.export }),
    deviceCookie: createCookie('signet-device', issuer),
    csrf,
    cookieTransport: createCookieTransport({ cookie: createCookie('signet-refresh', issuer), csrf }),
    limits,
  }
}
