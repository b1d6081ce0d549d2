import { z } from 'zod'
import { normalizeEmail } from '../../domain/account/account.ts'
import { presentAdministeredAccount } from '../../domain/account/administered-account.ts'
import { fieldInvalid } from '../../domain/base/problem.ts'
import { isUuid } from '../../domain/base/uuid.ts'
import { ADMIN_SCOPE, VIEWER_SCOPE } from '../../domain/oauth/scope.ts'
import type { AccountSelection, AdministeredAccounts } from '../../ports/administration.ts'
import type { Call, Route } from '../server/route.ts'
import type { Administrating } from './administrating.ts'
import { readQuery } from './fields.ts'
import { LIST_PARAMETERS, listReply } from './lists.ts'

type Needs = Readonly<{ administeredAccounts: AdministeredAccounts }>

/** Ours (docs/administration.md) */
export const administeredAccountRoutes = (
  route: Administrating,
  { administeredAccounts }: Needs,
): readonly Route[] => [route('GET', '/accounts', call => listAccounts(call, administeredAccounts))]

const FILTER = z.strictObject({
  ...LIST_PARAMETERS,
  email_prefix: z.string().min(1, 'must not be empty').max(254, 'must be 254 characters at most').optional(),
  role: z.string().optional(),
  disabled: z.enum(['true', 'false'], 'must be true or false').optional(),
})

const listAccounts = (call: Call, accounts: AdministeredAccounts) => {
  const { after, limit, ...filter } = readQuery(call, FILTER)
  const selection = selectionOf(filter)
  const isByEmail = typeof selection === 'object'
  return listReply({
    name: `accounts ${JSON.stringify(selection)}`,
    after,
    limit,
    keyOf: ({ id, email }) => (isByEmail ? email : id),
    isKey: key => (isByEmail ? !key.includes('\0') : isUuid(key)),
    read: page => accounts.list({ selection, ...page }),
    present: presentAdministeredAccount,
  })
}

type Filter = Omit<z.output<typeof FILTER>, 'after' | 'limit'>

/** Throws a 422 for a filter that would read all accounts, since no index serves it. */
const selectionOf = ({ email_prefix, role, disabled }: Filter): AccountSelection => {
  const [second] = Object.entries({ email_prefix, role, disabled })
    .filter(([, value]) => value !== undefined)
    .slice(1)
  if (second !== undefined)
    throw fieldInvalid({
      pointer: `#/${second[0]}`,
      detail: 'cannot be combined with another filter: no index serves both, and all accounts would be read',
    })
  if (email_prefix !== undefined) return { email_prefix: normalizeEmail(email_prefix) }
  if (role !== undefined) return ofRole(role)
  if (disabled === 'false')
    throw fieldInvalid({ pointer: '#/disabled', detail: 'must be true: nearly all accounts would be read' })
  return disabled === 'true' ? 'disabled' : 'all'
}

const ofRole = (role: string): AccountSelection => {
  if (role === ADMIN_SCOPE) return 'administrators'
  if (role === VIEWER_SCOPE) return 'viewers'
  throw fieldInvalid({
    pointer: '#/role',
    detail: `must be ${ADMIN_SCOPE} or ${VIEWER_SCOPE}: no index serves another role, and all accounts would be read`,
  })
}
