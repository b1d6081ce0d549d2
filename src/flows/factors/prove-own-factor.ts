import type { FactorMethod } from '../../domain/oauth/acr.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Clients } from '../../ports/clients.ts'
import { actingIdOf, type Owner } from '../access/actor.ts'
import type { KnownDevices } from '../access/known-devices.ts'
import type { CeremonySteps } from './ceremonies.ts'
import type { Proof, ProveFactor } from './prove-factor.ts'

type Needs = Readonly<{
  clients: Clients
  ceremonySteps: CeremonySteps
  proveFactor: ProveFactor
  knownDevices: KnownDevices
  originsOf: (client: Client) => readonly string[]
}>

/** `handle` names the ceremony. A passkey needs one, because the ceremony holds its challenge. */
export type OwnFactorProof = Readonly<{ handle: string | null; proof: Proof; device_token: string | null }>

/** Judges a proof of a person who is signed in, and spends it. Throws the same 401 for every wrong proof. */
export type ProveOwnFactor = (owner: Owner, ownProof: OwnFactorProof) => Promise<FactorMethod>

const NO_CHALLENGE = { payload: new Uint8Array(), finish: async () => {} }

export const createProveOwnFactor =
  ({ clients, ceremonySteps, proveFactor, knownDevices, originsOf }: Needs): ProveOwnFactor =>
  async (owner, { handle, proof, device_token }) => {
    const { account, client_id, request_id } = owner
    const client = await clients.find(client_id)
    const family_id = actingIdOf(owner)
    if (client === null || family_id === null)
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'no_sign_in' })
    const { payload: challenge, finish } =
      handle === null ? NO_CHALLENGE : await ceremonySteps.resume({ handle, purpose: 'step_up', family_id })
    const device = knownDevices.recognise(device_token, account)
    const asked = { account_id: account.id, challenge, origins: originsOf(client), device, request_id }
    const method = await proveFactor(proof, asked)
    await finish()
    return method
  }
