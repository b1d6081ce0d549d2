import type { Account } from '../../domain/account/account.ts'
import type { Language } from '../../domain/base/language.ts'
import { aboutSignIn } from '../../domain/base/log-fields.ts'
import { ACR, amrWith } from '../../domain/oauth/acr.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { PresentedSession } from '../../domain/sign-in/browser-session.ts'
import type { RefreshTransport, TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { Clients } from '../../ports/clients.ts'
import type { KnownDevices } from '../access/known-devices.ts'
import { namingSignIn } from '../access/naming-sign-in.ts'
import type { RequireResources } from '../access/require-resources.ts'
import type { CeremonySteps, ResumedCeremony } from '../factors/ceremonies.ts'
import type { Offer, OfferFactors } from '../factors/offer-factors.ts'
import type { Proof, ProveFactor } from '../factors/prove-factor.ts'
import { type Admit, admitClient } from './admit-client.ts'
import type { CompleteSignIn, SignedIn, Welcomed } from './complete-sign-in.ts'
import { PASSWORD_AMR } from './sign-up.ts'

type Needs<S extends Welcomed> = Readonly<{
  clients: Clients
  ceremonySteps: CeremonySteps
  offerFactors: OfferFactors
  proveFactor: ProveFactor
  completeSignIn: CompleteSignIn<S>
  requireResources: RequireResources
  knownDevices: KnownDevices
  originsOf: (client: Client) => readonly string[]
}>

type PasswordChecked = Readonly<{
  account: Account
  client: Client
  refresh_transport: RefreshTransport
  resources: readonly string[]
  /** Null: the application asks for no class. */
  acr_values: readonly string[] | null
  /** The id of a known device; null for an unknown one. */
  device: Uint8Array | null
}>

type SecondHalf = Readonly<{
  handle: string
  proof: Proof
  /** RFC 8176 – The methods of the first half; undefined: a password. */
  first_amr?: readonly string[] | undefined
  device_token: string | null
  session?: PresentedSession | null
  source: TracedSource
  language: Language
  admit: Admit
}>

/** RFC 9470 §5 – A sign-in in two halves: the password, and then one of the person's factors. */
export const createSecondFactorSignIn = <S extends Welcomed>(needs: Needs<S>) => ({
  /**
   * Begins the second half; null where the password is enough. Called after the password was verified, so that a wrong password never
   * reveals a second factor. Throws a 403 where the application asks for a higher class than the account can reach.
   */
  demand: async ({
    account,
    client,
    refresh_transport,
    resources,
    acr_values,
    device,
  }: PasswordChecked): Promise<Offer | null> => {
    const { client_id } = client
    const occasion = {
      purpose: 'sign_in',
      account,
      family_id: null,
      client_id,
      refresh_transport,
      resources,
      isKnownDevice: device !== null,
    } as const
    const offer = await needs.offerFactors(occasion)
    if (offer === null && acr_values !== null && !acr_values.includes(ACR.pwd))
      throw new Problem('AUTHENTICATION_UNMET')
    return offer
  },

  finish: async ({ handle, ...half }: SecondHalf) => {
    const resumed = await needs.ceremonySteps.resume({ handle, purpose: 'sign_in', family_id: null })
    const about = aboutSignIn({ sub: resumed.account.id, client_id: resumed.client_id })
    return namingSignIn(about, () => finishHalf(needs, resumed, half))
  },
})

const finishHalf = async <S extends Welcomed>(
  needs: Needs<S>,
  resumed: ResumedCeremony,
  { proof, first_amr = PASSWORD_AMR, admit, ...request }: Omit<SecondHalf, 'handle'>,
) => {
  const { proveFactor, completeSignIn, knownDevices, originsOf } = needs
  const { client, challenge, resources } = await admitClient(needs, resumed, admit)
  const { account, refresh_transport } = resumed
  const device = knownDevices.recognise(request.device_token, account)
  const { request_id } = request.source
  const asked = { account_id: account.id, challenge, origins: originsOf(client), device, request_id }
  const amr = amrWith(first_amr, await proveFactor(proof, asked))
  await resumed.finish()
  const signedIn = await completeSignIn({ ...request, account, client, amr, refresh_transport, resources })
  return { signedIn, client, refresh_transport }
}

export type SecondFactorSignIn<S extends Welcomed = SignedIn> = ReturnType<typeof createSecondFactorSignIn<S>>
