/** Bytes of UTF-8 that bcrypt reads. It would silently ignore the rest. */
const PASSWORD_MAX_BYTES = 72
const PRODUCT = 'signet'
/** Characters that a password needs beside the e-mail and the product's name, which an attacker tries first. */
const OWN_CHARACTERS = 6
/** A shorter name before the @ occurs in good passwords by chance. */
const NAME_MIN_CHARACTERS = 3

/** NIST SP 800-63B §5.1.1.2 – NFC, so that a password has the same bytes from every keyboard. */
export const normalizePassword = (password: string): string => password.normalize('NFC')

/** Bytes of UTF-8 of a typed password, at most. A longer text is not tried: no passphrase is that long. */
const TYPED_MAX_BYTES = 4_096
/** Forms that are tried, at most. Each costs a digest, for an unknown e-mail too. */
const FORMS_AT_MOST = 3

/**
 * Ours – The texts that a typed password may have been hashed as: Signet's form first, then those of other providers, which hash the
 * text as typed, or its NFKC (RFC 4013), or its NFD. ASCII has one form. Empty for a text that can be no password. Depends on the text
 * alone, so that the number of digests that an attempt costs tells nothing about an account.
 */
export const passwordForms = (typed: string): readonly string[] => {
  if (typed === '' || Buffer.byteLength(typed) > TYPED_MAX_BYTES) return []
  const forms = [normalizePassword(typed), typed, typed.normalize('NFKC'), typed.normalize('NFD')]
  return [...new Set(forms)].slice(0, FORMS_AT_MOST)
}

/**
 * False for a password that bcrypt cannot hash whole. Expects the normalized form. bcrypt repeats its key around a NUL, so that it takes
 * "pass" and "pass\0pass" for one password.
 */
export const isPasswordHashable = (password: string): boolean =>
  !isPasswordTooLong(password) && !password.includes('\0')

type Judged = Readonly<{
  /** Both in the normalized form. */
  password: string
  email: string
  min_characters: number
  isCommon: boolean
}>

/** NIST SP 800-63B §5.1.1.2 – Null for an acceptable password, else its fault. */
export const judgePassword = ({ password, email, min_characters, isCommon }: Judged): string | null => {
  if (Array.from(password).length < min_characters) return `must be ${min_characters} characters or more`
  if (isPasswordTooLong(password)) return `must be ${PASSWORD_MAX_BYTES} bytes of UTF-8 at most`
  if (password.includes('\0')) return 'must not hold a NUL character'
  if (isCommon) return 'must not be one of the most common passwords'
  if (Array.from(withoutContext(password, email)).length < OWN_CHARACTERS)
    return 'must not be made of the e-mail or the name of the product'
  return null
}

const withoutContext = (password: string, email: string): string => {
  const [name = ''] = email.split('@')
  const words = [email, name, PRODUCT].filter(word => word.length >= NAME_MIN_CHARACTERS)
  return words.reduce((rest, word) => rest.replaceAll(word, ''), password.toLowerCase())
}

const isPasswordTooLong = (password: string) => Buffer.byteLength(password) > PASSWORD_MAX_BYTES
