import type { Account } from '../account/account.ts'
import type { Digest, Plain } from '../base/digest.ts'
import { type PresentedSecret, parsePersonalSecret, personalSecretOf } from '../base/personal-secret.ts'
import type { RequestSource } from './refresh-family.ts'

/** What the session cookie holds. */
export type SessionSecret = Plain<'browser_session'>
export type PresentedSession = PresentedSecret<'browser_session'>

const PREFIX = 'signet_bs_'

/** The secret of a new session. `random` has 32 bytes. */
export const sessionSecretOf = (session: Readonly<{ user_id: string; random: Uint8Array }>): SessionSecret =>
  personalSecretOf(PREFIX, session)

/** Reads a session cookie. Null for what is none. */
export const parseSessionSecret = (text: string): PresentedSession | null => parsePersonalSecret(PREFIX, text)

/**
 * A person who is signed in on the hosted pages of one browser. Whether the session lives is judged in SQL, by
 * store/sessions/browser-sessions.ts.
 */
export type BrowserSession = Readonly<{
  /** Stays the same when the person signs in again in the same browser; the cookie's secret does not. */
  id: string
  account: Account
  /** When the person last proved who they are; UNKNOWN_AUTH_TIME where another provider has not said. */
  auth_time: Date
  amr: readonly string[]
}>

export type NewBrowserSession = Readonly<{
  /** The id of the session, unless it replaces one of the same person and keeps that id. */
  id: string
  digest: Digest<'browser_session'>
  user_id: string
  /** The account's epoch at the moment its factors were checked. */
  credential_epoch: number
  amr: readonly string[]
  /** Seconds since 1970 at which the person proved who they are. Left out: now. A later time than the database's counts as now. */
  auth_time?: number | undefined
  /** What the browser brought: its secret is worthless from then on. */
  replaces: PresentedSession | null
  source: RequestSource
}>

/**
 * A session that goes on while the credentials of its person change and all others end: under a new secret, so that a copy of the cookie
 * ends with the others.
 */
export type KeptSession = Readonly<{
  id: string
  digest: Digest<'browser_session'>
  /** Null: the methods stay. */
  amr: readonly string[] | null
}>

/** `ended` has the sign-ins that ended with the session of another person in the same browser. */
export type OpenedSession = BrowserSession & Readonly<{ ended: readonly string[] }>

/** Seconds: how long a session waits for the next request, and how long it lasts at most. */
export type SessionLifetimes = Readonly<{ idle_seconds: number; max_seconds: number }>
