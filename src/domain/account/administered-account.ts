import type { Account } from './account.ts'
import { PROFILE_FIELDS, type Profile, type ProfileChange } from './profile.ts'

/** An account as administrators see it. */
export type AdministeredAccount = Pick<
  Account,
  'id' | 'email' | 'roles' | 'created_at' | 'disabled_at' | 'email_verified_at'
> &
  Profile &
  Readonly<{
    external_id: string | null
    has_password: boolean
    /** Another one after each change of what administrators change. */
    version: string
  }>

/** What an administrator changes at once; everything else stays. */
export type AccountChange = ProfileChange &
  Readonly<{ roles?: readonly string[]; external_id?: string | null; email_verified?: boolean }>

/** Living sign-ins that are counted, at most: one more than a person is told of. */
export const LIVING_MOST = 101

/** Ours (docs/administration.md): what the administration shows of an account in a list. */
export const presentAdministeredAccount = (account: AdministeredAccount) => ({
  sub: account.id,
  email: account.email,
  email_verified: account.email_verified_at !== null,
  created_at: account.created_at.toISOString(),
  disabled_at: account.disabled_at?.toISOString() ?? null,
  roles: account.roles,
  external_id: account.external_id,
  has_password: account.has_password,
  profile: Object.fromEntries(
    PROFILE_FIELDS.flatMap(name => (account[name] === null ? [] : [[name, account[name]]])),
  ),
})
