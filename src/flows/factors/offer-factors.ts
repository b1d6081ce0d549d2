import type { Account } from '../../domain/account/account.ts'
import { CHALLENGE_BYTES, payloadOf } from '../../domain/factors/ceremony.ts'
import { type PasskeyRequest, requestOptions } from '../../domain/factors/passkey.ts'
import { TOTP_FAILURES_AT_MOST } from '../../domain/factors/totp.ts'
import type { RefreshTransport } from '../../domain/sign-in/refresh-family.ts'
import type { Random } from '../../ports/effects.ts'
import type { Factors, FactorsOf } from '../../ports/factors.ts'
import type { BegunCeremony, CeremonySteps } from './ceremonies.ts'
import type { Proof } from './prove-factor.ts'

type Needs = Readonly<{ factors: Factors; ceremonySteps: CeremonySteps; random: Random; rp_id: string }>

export type FactorKind = Proof['kind']

/** Ours – The kinds of factors that the account may show from this device. */
type OpenKinds = Readonly<{
  factors: readonly FactorKind[]
  /** The account's TOTP is closed after too many wrong codes in a row. */
  totp_closed?: true
}>

/** Ours – The factors that the account may show, and the challenge for a passkey. */
export type Offer = BegunCeremony &
  OpenKinds &
  Readonly<{
    /** The options with which the page asks the browser for a passkey. */
    passkey?: PasskeyRequest
  }>

type Occasion = Readonly<{
  purpose: 'sign_in' | 'step_up'
  account: Account
  family_id: string | null
  client_id: string
  refresh_transport: RefreshTransport
  /** The resources that the sign-in is to get tokens for. */
  resources: readonly string[]
  isKnownDevice: boolean
}>

/** Begins a ceremony in which the person shows a second factor. Null, and no ceremony, for an account without one. */
export const createOfferFactors =
  ({ factors, ceremonySteps, random, rp_id }: Needs) =>
  async ({ resources, isKnownDevice, ...occasion }: Occasion): Promise<Offer | null> => {
    const has = await factors.find(occasion.account.id)
    if (!hasFactor(has)) return null
    const challenge = random.bytes(CHALLENGE_BYTES)
    const begun = await ceremonySteps.begin({ ...occasion, payload: payloadOf({ challenge, resources }) })
    const { passkeys } = has
    return {
      ...begun,
      ...openKinds(has, isKnownDevice),
      ...(passkeys.length > 0 ? { passkey: requestOptions({ rp_id, challenge, passkeys }) } : {}),
    }
  }

export type OfferFactors = ReturnType<typeof createOfferFactors>

/** The kinds that an account with these factors may show; a closed TOTP is left out. */
export const openKinds = (has: FactorsOf, isKnownDevice: boolean): OpenKinds => {
  const { totp, passkeys, recovery_codes } = has
  const failures = isKnownDevice ? totp?.failures.known_devices : totp?.failures.unknown_devices
  const isClosed = failures !== undefined && failures >= TOTP_FAILURES_AT_MOST
  const isThere = {
    totp: totp !== null && !isClosed,
    passkey: passkeys.length > 0,
    recovery_code: recovery_codes > 0,
  }
  const factors = (['totp', 'passkey', 'recovery_code'] as const).filter(kind => isThere[kind])
  return isClosed ? { factors, totp_closed: true } : { factors }
}

/** True for an account with a second factor. Recovery codes alone do not count: they are deleted with the last factor. */
export const hasFactor = ({ totp, passkeys }: FactorsOf): boolean => totp !== null || passkeys.length > 0
