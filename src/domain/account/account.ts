import { rolesAt } from '../oauth/acr.ts'

/** A person's account. `id` is `sub` on the wire. */
export type Account = Readonly<{
  id: string
  email: string
  roles: readonly string[]
  /** Raised by each change that ends every sign-in: a family of an earlier epoch is dead. Judged in SQL, in store/families. */
  credential_epoch: number
  /** Raised by each change that takes the trust from devices: a device token of an earlier epoch is worth nothing. */
  device_epoch: number
  disabled_at: Date | null
  created_at: Date
  /** Null: no owner has proved to read the mail of `email`. */
  email_verified_at: Date | null
  /** Language of the last sign-in; null before the first. */
  language: string | null
}>

/** The account with the roles that a sign-in of this class may use. */
export const accountAt = (
  account: Account,
  acr: string | null | undefined,
  second_factor_roles: readonly string[],
): Account => ({ ...account, roles: rolesAt(acr, account.roles, second_factor_roles) })

/** What is shown of an account to its owner, and exported. */
export type OwnAccount = Pick<Account, 'id' | 'email' | 'email_verified_at' | 'roles' | 'created_at'>

/** Ours (docs/decisions/0029): what the account API shows of an account. */
export const presentAccount = ({ id, email, email_verified_at, roles, created_at }: OwnAccount) => ({
  id,
  email,
  email_verified: email_verified_at !== null,
  roles,
  created_at: created_at.toISOString(),
})

/** Ours (docs/decisions/0031) – An e-mail in its one form: trimmed, NFKC, lower case. */
export const normalizeEmail = (email: string): string => email.trim().normalize('NFKC').toLowerCase()

/** HTML Living Standard, "valid e-mail address", with a dot in the domain. Ours: ASCII only, so that no two addresses look alike. */
const EMAIL =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/

/** RFC 5321 §4.5.3.1.3 – At most 254 characters. Null for an address that may register, else its fault. Expects the normalized form. */
export const judgeEmail = (email: string): string | null =>
  email.length <= 254 && EMAIL.test(email) ? null : 'must be an e-mail address'
