import { rolesAt } from '../oauth/acr.ts'

/** A person's account. `id` is `sub` on the wire. */
export type Account = Readonly<{
  id: string
  email: string
  roles: readonly string[]
  /** Raised by whatever ends every sign-in: a family of an earlier epoch is dead. Judged in SQL, in store/families. */
  credential_epoch: number
  /** Raised by whatever takes the trust from devices: a device token of an earlier epoch makes none known. */
  device_epoch: number
  disabled_at: Date | null
  created_at: Date
  /** Null: nobody has proved to read what is sent to `email`. */
  email_verified_at: Date | null
  /** Of the last sign-in; null before the first. */
  language: string | null
}>

/** The account as a sign-in of this class may act for it. */
export const accountAt = (
  account: Account,
  acr: string | null | undefined,
  second_factor_roles: readonly string[],
): Account => ({ ...account, roles: rolesAt(acr, account.roles, second_factor_roles) })

/** Ours (docs/decisions/0029): what the account API shows of an account. */
export const presentAccount = ({ id, email, email_verified_at, roles, created_at }: Account) => ({
  id,
  email,
  email_verified: email_verified_at !== null,
  roles,
  created_at: created_at.toISOString(),
})

/** Ours (docs/decisions/0031) – An e-mail in its one form: trimmed, NFKC, lower case. */
export const normalizeEmail = (email: string): string => email.trim().normalize('NFKC').toLowerCase()

/** HTML Living Standard, "valid e-mail address", with a dot in the domain. Ours: ASCII only, so that nothing looks like something else. */
const EMAIL =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/

/** Null when it may register, else what is wrong with it. Expects the normalized form. RFC 5321 §4.5.3.1.3: 254 at most. */
export const judgeEmail = (email: string): string | null =>
  email.length <= 254 && EMAIL.test(email) ? null : 'must be an e-mail address'
