import { isLastWayIn } from '../../domain/account/ways-in.ts'
import { CHALLENGE_BYTES } from '../../domain/factors/ceremony.ts'
import { type Attestation, creationOptions, methodOf } from '../../domain/factors/passkey.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Random } from '../../ports/effects.ts'
import type { Factors, PasskeyVerifier } from '../../ports/factors.ts'
import type { Owner } from '../access/actor.ts'
import { requireUnchanged } from '../access/require-unchanged.ts'
import { type ChangeFactors, digestsOf, unproven } from './change-factors.ts'
import type { OwnWays } from './own-ways.ts'
import type { OwnerProof } from './require-step-up.ts'

type Needs = Readonly<{
  factors: Factors
  change: ChangeFactors
  ownWays: Pick<OwnWays, 'find'>
  passkeyVerifier: PasskeyVerifier
  clients: Clients
  random: Random
  originsOf: (client: Client) => readonly string[]
  rp_id: string
}>

type Given = Readonly<{ handle: string; attestation: Attestation; label: string }>

/** The most passkeys of one account: every challenge lists all of them. */
const PASSKEYS_AT_MOST = 20

/** WebAuthn Level 3 §7.1 – Enrols passkeys. */
export const createPasskeyEnrolment = (needs: Needs) => {
  const { factors, change, ownWays, passkeyVerifier, clients, random, originsOf, rp_id } = needs
  return {
    begin: async (owner: Owner, ownerProof: OwnerProof) => {
      const { passkeys } = await change.find(owner)
      if (passkeys.length >= PASSKEYS_AT_MOST)
        throw new Problem('FACTOR_EXISTS', { reason: 'passkeys_at_most' })
      await change.requireStepUp(owner, ownerProof)
      const challenge = random.bytes(CHALLENGE_BYTES)
      const begun = await change.begin(owner, 'passkey_enrolment', challenge)
      return { ...begun, passkey: creationOptions({ rp_id, challenge, account: owner.account, passkeys }) }
    },

    confirm: async (owner: Owner, { handle, attestation, label }: Given) => {
      const { payload: challenge, finish } = await change.resume(owner, 'passkey_enrolment', handle)
      const client = await clients.find(owner.client_id)
      const origins = client === null ? [] : originsOf(client)
      const passkey = await passkeyVerifier.judgeEnrolment({ attestation, challenge, origins })
      if (passkey === null) throw unproven('#/passkey', 'must be the answer to this challenge')
      // WebAuthn §7.1 step 26 – A credential belongs to one account.
      if (await factors.hasPasskey(passkey.id))
        throw new Problem('FACTOR_EXISTS', { reason: 'passkey_exists' })
      await finish()
      const codes = await change.codesFor(owner)
      const proved = methodOf(passkey)
      const added = { ...change.changeOf(owner, proved), passkey, label, recovery: digestsOf(codes) }
      const { isRecoveryGiven } = requireUnchanged(await factors.addPasskey(added))
      return { id: passkey.id, label, recovery_codes: isRecoveryGiven ? codes : [] }
    },

    /** Throws a 404 for a passkey that the account does not have, and a 409 for the last way in. */
    remove: async (owner: Owner, id: string, ownerProof: OwnerProof): Promise<void> => {
      const { passkeys } = await change.find(owner)
      if (!passkeys.some(passkey => passkey.id === id))
        throw new Problem('NOT_FOUND', { reason: 'passkey_absent' })
      await change.requireStepUp(owner, ownerProof)
      // Two removals at once may both see another way in. The second one meets another credential epoch, and removes nothing.
      if (isLastWayIn(await ownWays.find(owner), id)) throw new Problem('FACTOR_LAST_WAY')
      requireUnchanged(await factors.removePasskey({ ...change.changeOf(owner, null), id }))
    },
  }
}

export type PasskeyEnrolment = ReturnType<typeof createPasskeyEnrolment>
