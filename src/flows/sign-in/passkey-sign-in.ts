import type { Language } from '../../domain/base/language.ts'
import { aboutSignIn } from '../../domain/base/log-fields.ts'
import { CHALLENGE_BYTES, payloadOf } from '../../domain/factors/ceremony.ts'
import { type Assertion, requestOptions } from '../../domain/factors/passkey.ts'
import { amrWith } from '../../domain/oauth/acr.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { PresentedSession } from '../../domain/sign-in/browser-session.ts'
import type { RefreshTransport, TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Random } from '../../ports/effects.ts'
import type { Factors } from '../../ports/factors.ts'
import { namingSignIn } from '../access/naming-sign-in.ts'
import type { RequireResources } from '../access/require-resources.ts'
import type { CeremonySteps } from '../factors/ceremonies.ts'
import type { ProveFactor } from '../factors/prove-factor.ts'
import { type Admit, admitClient } from './admit-client.ts'
import type { CompleteSignIn, SignedIn, Welcomed } from './complete-sign-in.ts'

type Needs<S extends Welcomed> = Readonly<{
  clients: Clients
  ceremonySteps: CeremonySteps
  provePasskeyOwner: ProvePasskeyOwner
  completeSignIn: CompleteSignIn<S>
  random: Random
  requireResources: RequireResources
  originsOf: (client: Client) => readonly string[]
  rp_id: string
}>

type Asked = Readonly<{ client: Client; refresh_transport: RefreshTransport; resources: readonly string[] }>

type Answered = Readonly<{
  handle: string
  assertion: Assertion
  device_token: string | null
  session?: PresentedSession | null
  source: TracedSource
  language: Language
  admit: Admit
}>

type Shown = Readonly<{
  assertion: Assertion
  challenge: Uint8Array
  origins: readonly string[]
  request_id: string
}>

/** RFC 8176 §2 – "user": a person was present. With the key, which was verified to be theirs, that makes two factors. */
const PRESENT_AMR = ['user']

/** WebAuthn §7.2 – The person whose passkey it is, once the assertion is verified and spent. Throws a 401 for every fault of it. */
export const createProvePasskeyOwner =
  ({ factors, proveFactor }: Readonly<{ factors: Factors; proveFactor: ProveFactor }>) =>
  async ({ assertion, ...shown }: Shown) => {
    const account = await factors.findOwner(assertion.id)
    if (account === null) throw new Problem('AUTH_SECOND_FACTOR_INVALID', { reason: 'passkey_unknown' })
    return namingSignIn(aboutSignIn({ sub: account.id }), async () => {
      // WebAuthn §7.2 step 6 – A person who was not asked for by name has to be named by the authenticator.
      if (!assertion.response.userHandle)
        throw new Problem('AUTH_SECOND_FACTOR_INVALID', { reason: 'user_handle_absent' })
      const method = await proveFactor({ kind: 'passkey', assertion }, { account_id: account.id, ...shown })
      return { account, amr: amrWith(PRESENT_AMR, method) }
    })
  }

export type ProvePasskeyOwner = ReturnType<typeof createProvePasskeyOwner>

/** WebAuthn Level 3 §1.3.3 – A sign-in by a passkey alone: the device holds the key, and verifies its owner by finger, face or PIN. */
export const createPasskeySignIn = <S extends Welcomed>(needs: Needs<S>) => ({
  begin: async ({ client, refresh_transport, resources }: Asked) => {
    const { client_id } = client
    const challenge = needs.random.bytes(CHALLENGE_BYTES)
    const payload = payloadOf({ challenge, resources })
    const unbound = { purpose: 'passkey_sign_in', account: null, family_id: null } as const
    const begun = await needs.ceremonySteps.begin({ ...unbound, client_id, refresh_transport, payload })
    // No account is named: the authenticator lists the passkeys that it has for this server.
    return { ...begun, passkey: requestOptions({ rp_id: needs.rp_id, challenge, passkeys: [] }) }
  },

  finish: async ({ handle, assertion, admit, ...request }: Answered) => {
    const { ceremonySteps, provePasskeyOwner, completeSignIn, originsOf } = needs
    const resumed = await ceremonySteps.resumeUnbound(handle)
    return namingSignIn(aboutSignIn({ client_id: resumed.client_id }), async () => {
      const { client, challenge, resources } = await admitClient(needs, resumed, admit)
      const { refresh_transport } = resumed
      const { request_id } = request.source
      const shown = { assertion, challenge, origins: originsOf(client), request_id }
      const { account, amr } = await provePasskeyOwner(shown)
      await resumed.finish()
      const signedIn = await completeSignIn({
        ...request,
        account,
        client,
        amr,
        refresh_transport,
        resources,
      })
      return { signedIn, client, refresh_transport }
    })
  },
})

export type PasskeySignIn<S extends Welcomed = SignedIn> = ReturnType<typeof createPasskeySignIn<S>>
