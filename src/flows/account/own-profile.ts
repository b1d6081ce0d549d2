import { type GivenProfile, judgeProfile, type Person } from '../../domain/account/profile.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Actor } from '../access/actor.ts'
import { requireUnchanged } from '../access/require-unchanged.ts'

type Needs = Readonly<{ accounts: Accounts }>

/** OpenID Connect Core §5.1 – The claims that a person fills in, and that applications receive with the scope `profile`. */
export const createOwnProfile = ({ accounts }: Needs) => ({
  read: async ({ account }: Actor): Promise<Person> =>
    requireUnchanged(await accounts.findPerson(account.id)),

  /** The fields that are left out stay as they are. Throws FIELDS_INVALID with every field that was refused. */
  change: async ({ account: { id } }: Actor, fields: GivenProfile): Promise<Person> => {
    const judged = judgeProfile(fields)
    if ('errors' in judged) throw new Problem('FIELDS_INVALID', { errors: judged.errors })
    return requireUnchanged(await accounts.changeProfile({ id, change: judged.change }))
  },
})

export type OwnProfile = ReturnType<typeof createOwnProfile>
