import { accountAt } from '../../domain/account/account.ts'
import { digestOf } from '../../domain/base/digest.ts'
import { SECRET_BYTES } from '../../domain/base/personal-secret.ts'
import { acrOf } from '../../domain/oauth/acr.ts'
import { FIRST_PARTY } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import {
  type BrowserSession,
  type PresentedSession,
  parseSessionSecret,
  type SessionSecret,
  sessionSecretOf,
} from '../../domain/sign-in/browser-session.ts'
import type { BrowserSessions } from '../../ports/authorization.ts'
import type { Random } from '../../ports/effects.ts'
import type { Limit } from '../../ports/limits.ts'
import type { KnownDevices } from '../access/known-devices.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import type { CompleteSignIn, Welcomed } from './complete-sign-in.ts'

type Needs = Readonly<{
  browserSessions: BrowserSessions
  knownDevices: KnownDevices
  random: Random
  second_factor_roles: readonly string[]
  /** For one account, from whatever addresses. */
  limit: Limit
}>

/** A sign-in on the hosted pages: it opens a browser session. */
export type SignedInOnPages = Welcomed & Readonly<{ session: BrowserSession; secret: SessionSecret }>

/** The occasion of a second factor on the hosted pages, whose sign-ins are at no client. */
export const PAGES_OCCASION = {
  purpose: 'sign_in',
  family_id: null,
  client_id: FIRST_PARTY.client_id,
  refresh_transport: 'cookie',
  resources: [],
  isKnownDevice: false,
} as const

/** Ours – Opens the browser session of a person whose factors have all been verified, under a new secret whatever the browser brought. */
export const createOpenBrowserSession =
  ({
    browserSessions,
    knownDevices,
    random,
    second_factor_roles,
    limit,
  }: Needs): CompleteSignIn<SignedInOnPages> =>
  async ({ account, amr, auth_time, device_token, session: replaces = null, source }) => {
    await requireAllowance(limit, account.id)
    const device = knownDevices.recognise(device_token, account)
    const secret = sessionSecretOf({ user_id: account.id, random: random.bytes(SECRET_BYTES) })
    const session = await browserSessions.open({
      id: random.uuid(),
      digest: digestOf(secret),
      user_id: account.id,
      credential_epoch: account.credential_epoch,
      amr,
      auth_time,
      replaces,
      source,
    })
    if (session === null)
      throw new Problem('AUTH_CREDENTIALS_INVALID', { reason: 'credentials_changed_meanwhile' })
    return {
      outcome: 'signed_in',
      sid: null,
      account: accountAt(account, acrOf(amr), second_factor_roles),
      session,
      secret,
      device_token: knownDevices.remember(account, device),
      isNewDevice: device === null,
    }
  }

/** What a session cookie names; null without one, and for what is none. */
export const presentedSessionOf = (cookie: string | null): PresentedSession | null =>
  cookie === null ? null : parseSessionSecret(cookie)
