import { withoutAdministrative } from '../oauth/roles.ts'
import { type Account, judgeEmail } from './account.ts'
import { type AccountLine, readAccountMembers } from './account-line.ts'
import { passwordForms } from './password.ts'
import type { PasswordDigest } from './password-digest.ts'

/** For whom the hook is asked: accounts that an import has marked by an `external_id`, or unknown e-mails too. */
export const PASSWORD_HOOK_SCOPES = ['imported', 'everyone'] as const
export type PasswordHookScope = (typeof PASSWORD_HOOK_SCOPES)[number]

/** What a question came to. `accepted`: the former provider knows the password. */
export const PASSWORD_HOOK_OUTCOMES = ['accepted', 'refused', 'unanswered'] as const
export type PasswordHookOutcome = (typeof PASSWORD_HOOK_OUTCOMES)[number]

type Asked = Readonly<{
  account: (Account & Readonly<{ password_digest: PasswordDigest | null; external_id: string | null }>) | null
  /** Normalized. */
  email: string
  /** As typed: the former provider has hashed it in its own form. */
  password: string
}>

/**
 * Ours (docs/decisions/0049) – Whether the former provider may know the password. An account that has a password here is never asked for,
 * nor one that came from nowhere, nor a disabled one.
 */
export const isPasswordElsewhere = (
  { account, email, password }: Asked,
  scope: PasswordHookScope,
): boolean => {
  if (passwordForms(password).length === 0) return false
  if (account === null) return scope === 'everyone' && judgeEmail(email) === null
  return account.disabled_at === null && account.password_digest === null && account.external_id !== null
}

/** The body of the question. */
export const passwordQuestion = ({ account, email, password }: Asked) => ({
  hook: 'password',
  email,
  password,
  sub: account?.id ?? null,
  external_id: account?.external_id ?? null,
})

type Answer = Readonly<Record<string, unknown>>
type Standard = Parameters<typeof readAccountMembers>[1]

/**
 * Ours – The verdict of the former provider, and the account that it describes in the members of an import's line. Null for an answer
 * without a verdict, or with members that no account may have.
 */
export const judgePasswordAnswer = (
  { valid, ...members }: Answer,
  { email, ...standard }: Standard & Pick<Asked, 'email'>,
): Readonly<{ isValid: false } | { isValid: true; described: AccountLine }> | null => {
  if (valid === false) return { isValid: false }
  if (valid !== true) return null
  const reading = readAccountMembers({ ...members, email, password_digest: null }, standard)
  if ('faults' in reading) return null
  const { account } = reading
  return { isValid: true, described: { ...account, roles: withoutAdministrative(account.roles) } }
}
