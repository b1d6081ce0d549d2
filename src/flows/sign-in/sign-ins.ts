import { Problem } from '../../domain/base/problem.ts'
import { isUuid } from '../../domain/base/uuid.ts'
import type { SignIn } from '../../domain/sign-in/sign-in.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Limit } from '../../ports/limits.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import { requireUnchanged } from '../access/require-unchanged.ts'

type Needs = Readonly<{
  accounts: Accounts
  refreshFamilies: RefreshFamilies
  /** Endings by one sign-in: a thief of it must not end the others as fast as their owner opens them. */
  endingLimit: Limit
}>

/** Ours (docs/decisions/0029) – Lists the sign-ins of the account, and ends them, for its owner. */
export const createSignIns = ({ accounts, refreshFamilies, endingLimit }: Needs) => {
  return {
    list: ({ account }: Bearer): Promise<readonly SignIn[]> => refreshFamilies.list(account.id),

    /** Answers the same 404 for a sign-in of another person, for an ended one and for one that never existed. */
    end: async ({ account, claims }: Bearer, id: string): Promise<void> => {
      if (id !== claims.sid) await requireAllowance(endingLimit, claims.sid ?? account.id)
      const family = { id, salt: null, client_id: null, user_id: account.id, reason: 'signed_out' } as const
      const ended = isUuid(id) ? await refreshFamilies.end(family) : null
      if (!ended?.has_ended) throw new Problem('NOT_FOUND')
    },

    endOthers: async ({ account, claims }: Bearer): Promise<void> => {
      const { id, credential_epoch } = account
      await requireAllowance(endingLimit, claims.sid ?? id)
      const change = { id, credential_epoch, keep: claims.sid ?? null, password_digest: null }
      requireUnchanged(await accounts.endOtherSignIns({ ...change, reason: 'signed_out_elsewhere' }))
    },
  }
}

export type SignIns = ReturnType<typeof createSignIns>
