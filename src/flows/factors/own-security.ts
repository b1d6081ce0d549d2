import { Problem } from '../../domain/refusals/problem.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Factors, FactorsOf } from '../../ports/factors.ts'
import type { Actor, Owner } from '../access/actor.ts'
import { judgeFreshness } from './require-step-up.ts'

type Needs = Readonly<{ accounts: Accounts; factors: Factors; clock: Clock }>

/** How a person signs in. */
export type SecurityOf = FactorsOf & Readonly<{ hasPassword: boolean }>

/** Ours – What the account page shows of how its person signs in, and whether they may change it without another proof. */
export const createOwnSecurity = ({ accounts, factors, clock }: Needs) => ({
  find: async ({ account }: Actor): Promise<SecurityOf> => {
    const [has, holder] = await Promise.all([factors.find(account.id), accounts.findByEmail(account.email)])
    // The e-mail may belong to another account by now.
    const hasPassword = holder?.id === account.id && holder.password_digest !== null
    return { ...has, hasPassword }
  },

  /** RFC 9470 §3 – Throws unless the browser session is fresh and of the account's highest class. Counts against no limit. */
  requireFresh: (owner: Owner, has: FactorsOf): void => {
    const reason = judgeFreshness(owner, { has, now: clock() })
    if (reason !== null) throw new Problem('AUTH_STEP_UP_REQUIRED', { reason })
  },

  /** Gives a passkey another name, which ends no sign-in. */
  renamePasskey: async (
    { account }: Actor,
    { id, label }: Readonly<{ id: string; label: string }>,
  ): Promise<void> => {
    if (!(await factors.renamePasskey({ account_id: account.id, id, label })))
      throw new Problem('NOT_FOUND', { reason: 'passkey_absent' })
  },
})

export type OwnSecurity = ReturnType<typeof createOwnSecurity>
