import { z } from 'zod'
import { normalizeEmail } from '../../domain/account/account.ts'
import { presentAdministeredAccount } from '../../domain/account/administered-account.ts'
import { isUuid } from '../../domain/base/uuid.ts'
import { ADMIN_SCOPE, VIEWER_SCOPE } from '../../domain/oauth/scope.ts'
import { fieldInvalid } from '../../domain/refusals/problem.ts'
import type { ChangeAccounts } from '../../flows/admin/change-accounts.ts'
import type { ShowAccount } from '../../flows/admin/show-account.ts'
import type { AccountSelection, AdministeredAccounts } from '../../ports/administration.ts'
import { type Call, json, NO_STORE, type Route } from '../server/route.ts'
import type { Administrating } from './administrating.ts'
import { idIn, LANGUAGE, languageIn, readMembers, readQuery } from './fields.ts'
import { LIST_PARAMETERS, listReply } from './lists.ts'
import { etagOf, versionsIn } from './versions.ts'

type Needs = Readonly<{
  administeredAccounts: AdministeredAccounts
  changeAccounts: ChangeAccounts
  showAccount: ShowAccount
}>

/** Ours (docs/administration.md) – Accounts: lists, one account, and what is changed of it at once. */
export const administeredAccountRoutes = (
  route: Administrating,
  { administeredAccounts, changeAccounts, showAccount }: Needs,
): readonly Route[] => {
  const shown = async (status: 200 | 201, sub: string) => {
    const { account, etag } = await showAccount(sub)
    return json(status, account, { ...NO_STORE, ETag: etagOf(etag) })
  }
  return [
    route('GET', '/accounts', call => listAccounts(call, administeredAccounts)),
    route('POST', '/accounts', async call => {
      const { email, password, invite = false, language, ...given } = await readMembers(call, NEW_ACCOUNT)
      const { id } = await changeAccounts.create({
        ...formOf(given),
        email,
        password,
        isInvited: invite,
        language: languageIn(call, language),
        about: { request_id: call.request_id },
      })
      return shown(201, id)
    }),
    route('GET', '/accounts/:sub', call => shown(200, idIn(call, 'sub'))),
    route('PATCH', '/accounts/:sub', async call => {
      const id = idIn(call, 'sub')
      const given = formOf(await readMembers(call, CHANGE))
      await changeAccounts.change({ id, versions: versionsIn(call), ...given })
      return shown(200, id)
    }),
  ]
}

const TEXT = z.string('must be a string')
const ROLES = z.array(TEXT, 'must be a list of strings').max(100, 'must be 32 at most')

/** A claim of the profile: null and an empty string take it away. */
const CLAIM = TEXT.nullable()
  .transform(claim => claim ?? '')
  .optional()

const FORM = {
  name: CLAIM,
  given_name: CLAIM,
  family_name: CLAIM,
  preferred_username: CLAIM,
  picture: CLAIM,
  locale: CLAIM,
  zoneinfo: CLAIM,
  roles: ROLES.optional(),
  external_id: TEXT.nullable().optional(),
  email_verified: z.boolean('must be true or false').optional(),
}

const CHANGE = z.strictObject(FORM)

const NEW_ACCOUNT = z.strictObject({
  ...FORM,
  email: TEXT,
  password: TEXT.optional(),
  invite: z.boolean('must be true or false').optional(),
  language: LANGUAGE.optional(),
})

const formOf = ({ roles, external_id, email_verified, ...profile }: z.output<typeof CHANGE>) => ({
  roles,
  external_id,
  email_verified,
  profile,
})

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
  const [, second] = Object.entries({ email_prefix, role, disabled }).filter(
    ([, value]) => value !== undefined,
  )
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
