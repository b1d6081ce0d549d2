import { type Account, accountAt } from '../../domain/account/account.ts'
import type { Language } from '../../domain/base/language.ts'
import { acrOf } from '../../domain/oauth/acr.ts'
import type { Client } from '../../domain/oauth/client.ts'
import type { PresentedSession } from '../../domain/sign-in/browser-session.ts'
import type { DeviceToken } from '../../domain/sign-in/device-token.ts'
import type { RefreshTransport, TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { KnownDevices } from '../access/known-devices.ts'
import type { OpenSignIn, TokenPair } from './open-sign-in.ts'

type Needs = Readonly<{
  knownDevices: KnownDevices
  openSignIn: OpenSignIn
  second_factor_roles: readonly string[]
}>

/** A person whose factors have all been verified. */
export type Proven = Readonly<{
  account: Account
  client: Client
  amr: readonly string[]
  /** On the hosted pages: seconds since 1970 at which another provider saw the person prove who they are. Left out: now. */
  auth_time?: number
  refresh_transport: RefreshTransport
  resources: readonly string[]
  device_token: string | null
  /** On the hosted pages: the session that the browser brought. */
  session?: PresentedSession | null
  source: TracedSource
  /** The language of the request. */
  language: Language
}>

/** What every sign-in comes to, whatever it opens. */
export type Welcomed = Readonly<{
  outcome: 'signed_in'
  account: Account
  /** The refresh family; null where none was opened. */
  sid: string | null
  device_token: DeviceToken
  /** True for a sign-in from a device that the account did not know; false for the registration of the account. */
  isNewDevice: boolean
}>

/** A sign-in of the account API: it opens a refresh family. */
export type SignedIn = Welcomed & Readonly<{ sid: string; tokens: TokenPair }>

export type CompleteSignIn<S extends Welcomed = SignedIn> = (proven: Proven) => Promise<S>

/** Ours – Opens the sign-in of a person whose factors have all been verified. Their device is known from now on. */
export const createCompleteSignIn =
  ({ knownDevices, openSignIn, second_factor_roles }: Needs): CompleteSignIn =>
  async ({ account, client, amr, refresh_transport, resources, device_token, source }) => {
    const device = knownDevices.recognise(device_token, account)
    const { sid, tokens } = await openSignIn({ account, client, amr, refresh_transport, resources, source })
    return {
      outcome: 'signed_in',
      account: accountAt(account, acrOf(amr), second_factor_roles),
      sid,
      tokens,
      device_token: knownDevices.remember(account, device),
      isNewDevice: device === null,
    }
  }
