import { type Digest, digestOf } from '../../domain/base/digest.ts'
import {
  CEREMONY_SECONDS,
  type Ceremony,
  type CeremonyHandle,
  type CeremonyPurpose,
  ceremonyHandleOf,
  type NewCeremony,
} from '../../domain/factors/ceremony.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Random } from '../../ports/effects.ts'
import type { Ceremonies } from '../../ports/factors.ts'

const HANDLE_BYTES = 32

/** The handle that the second half presents, and the seconds for which it is good. */
export type BegunCeremony = Readonly<{ handle: CeremonyHandle; expires_in: number }>

/** A ceremony in its second half. A request that has succeeded calls `finish`, which throws for all of them but one. */
export type ResumedCeremony = Ceremony & Readonly<{ finish: () => Promise<void> }>

type Resuming = Readonly<{ handle: string; purpose: CeremonyPurpose; family_id: string | null }>

/** Ours – Begins a ceremony, which waits for a person, and resumes it. Each resumption counts as a try; a ceremony allows few of them. */
export const createCeremonySteps = ({ ceremonies, random }: { ceremonies: Ceremonies; random: Random }) => {
  const over = (purpose: CeremonyPurpose) => new Problem('AUTH_CEREMONY_OVER', { reason: `${purpose}_over` })
  const finishing = (digest: Digest<'ceremony_handle'>, purpose: CeremonyPurpose) => async () => {
    if (!(await ceremonies.redeem(digest))) throw over(purpose)
  }
  return {
    begin: async (ceremony: Omit<NewCeremony, 'digest'>): Promise<BegunCeremony> => {
      const handle = ceremonyHandleOf(random.bytes(HANDLE_BYTES))
      await ceremonies.begin({ ...ceremony, digest: digestOf(handle) })
      return { handle, expires_in: CEREMONY_SECONDS }
    },

    resume: async ({ handle, purpose, family_id }: Resuming): Promise<ResumedCeremony> => {
      const digest = digestOf(handle as CeremonyHandle)
      const ceremony = await ceremonies.attempt({ digest, purpose, family_id })
      if (ceremony === null) throw over(purpose)
      return { ...ceremony, finish: finishing(digest, purpose) }
    },

    /** Resumes a sign-in by a passkey alone. It belongs to no account until the passkey names one. */
    resumeUnbound: async (handle: string): Promise<Omit<ResumedCeremony, 'account'>> => {
      const digest = digestOf(handle as CeremonyHandle)
      const ceremony = await ceremonies.attemptUnbound(digest)
      if (ceremony === null) throw over('passkey_sign_in')
      return { ...ceremony, finish: finishing(digest, 'passkey_sign_in') }
    },
  }
}

export type CeremonySteps = ReturnType<typeof createCeremonySteps>
