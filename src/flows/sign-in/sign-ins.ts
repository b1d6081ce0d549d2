import { isUuid } from '../../domain/base/uuid.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { SignIn } from '../../domain/sign-in/sign-in.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Limit } from '../../ports/limits.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import { type Actor, actorKeyOf, keptOf } from '../access/actor.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import { requireUnchanged } from '../access/require-unchanged.ts'

type Needs = Readonly<{
  accounts: Accounts
  refreshFamilies: RefreshFamilies
  /** Endings by one sign-in: a thief of it must not end the others as fast as their owner opens them. */
  endingLimit: Limit
}>

/** Ours (docs/decisions/0029) – Lists the sign-ins of the account, and ends them, for its owner. */
export const createSignIns = ({ accounts, refreshFamilies, endingLimit }: Needs) => ({
  list: ({ account }: Actor): Promise<readonly SignIn[]> => refreshFamilies.list(account.id),

  /** Answers the same 404 for a sign-in of another person, for an ended one and for one that never existed. */
  end: async (actor: Actor, id: string): Promise<void> => {
    const key = actorKeyOf(actor)
    if (id !== key) await requireAllowance(endingLimit, key)
    const family = { id, user_id: actor.account.id, reason: 'signed_out' } as const
    const ended = isUuid(id) ? await refreshFamilies.endSignIn(family) : []
    if (ended.length === 0) throw new Problem('NOT_FOUND')
  },

  endOthers: async (actor: Actor): Promise<void> => {
    const { id, credential_epoch } = actor.account
    await requireAllowance(endingLimit, actorKeyOf(actor))
    const change = { id, credential_epoch, ...keptOf(actor), password_digest: null }
    requireUnchanged(await accounts.endOtherSignIns({ ...change, reason: 'signed_out_elsewhere' }))
  },
})

export type SignIns = ReturnType<typeof createSignIns>
