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
  /** For one sign-in: a stolen one does not end the others as fast as their owner opens them. */
  endingLimit: Limit
}>

/** Ours (docs/decisions/0029) – The sign-ins of a person, for the person to see and to end. */
export const createSignIns = ({ accounts, refreshFamilies, endingLimit }: Needs) => {
  return {
    list: ({ account }: Bearer): Promise<readonly SignIn[]> => refreshFamilies.list(account.id),

    /** A sign-in of another person, one that has ended and one that never existed get the same 404. */
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
