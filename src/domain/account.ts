/** The digest of a password as its hash function writes it, with its cost and salt in front. Never sent, never logged. */
export type PasswordDigest = string & { readonly __brand: 'PasswordDigest' }

/** A person's account. `id` is `sub` on the wire. */
export type Account = Readonly<{
  id: string
  email: string
  roles: readonly string[]
  /** Raised by whatever ends every sign-in: a family of an earlier epoch is dead. */
  credential_epoch: number
  disabled_at: Date | null
  created_at: Date
}>

/** Contract: what the account API shows of an account. */
export const presentAccount = ({ id, email, roles, created_at }: Account) => ({
  id,
  email,
  roles,
  created_at: created_at.toISOString(),
})

/** Ours: bytes of UTF-8 that bcrypt reads; what comes after them it would ignore in silence. */
const PASSWORD_MAX_BYTES = 72
const PASSWORD_MIN_CHARACTERS = 8

/** Contract – An e-mail in its one form: trimmed, NFKC, lower case. */
export const normalizeEmail = (email: string): string => email.trim().normalize('NFKC').toLowerCase()

/** HTML Living Standard, "valid e-mail address", with a dot in the domain. Ours: ASCII only, so that nothing looks like something else. */
const EMAIL =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/

/** Null when it may register, else what is wrong with it. Expects the normalized form. RFC 5321 §4.5.3.1.3: 254 at most. */
export const judgeEmail = (email: string): string | null =>
  email.length <= 254 && EMAIL.test(email) ? null : 'must be an e-mail address'

/** NIST SP 800-63B §5.1.1.2 – One password, one byte sequence, whatever keyboard typed it. */
export const normalizePassword = (password: string): string => password.normalize('NFC')

/**
 * True when such a password can never have been registered. Expects the normalized form. bcrypt repeats its key around a NUL, so
 * that "pass", "pass\0pass" and so on are one password to it.
 */
export const isPasswordImpossible = (password: string): boolean =>
  isPasswordTooLong(password) || password.includes('\0')

/** Null when it may be registered, else what is wrong with it. Expects the normalized form. */
export const judgePassword = (password: string): string | null => {
  if (Array.from(password).length < PASSWORD_MIN_CHARACTERS)
    return `must be ${PASSWORD_MIN_CHARACTERS} characters or more`
  if (isPasswordTooLong(password)) return `must be ${PASSWORD_MAX_BYTES} bytes of UTF-8 at most`
  if (password.includes('\0')) return 'must not hold a NUL character'
  return null
}

const isPasswordTooLong = (password: string) => Buffer.byteLength(password) > PASSWORD_MAX_BYTES
