import type { ProblemCode } from '../refusals/problem-codes.ts'
import type { ProblemReason } from '../refusals/problem-reasons.ts'

/** What an attempt to sign in came to: the label of the metric, with what it means. The metric and docs/logs.md follow this table. */
export const SIGN_IN_RESULTS = {
  signed_in: 'The sign-in was opened.',
  second_factor_required: 'The password was right, and the second factor is asked for.',
  email_unknown: 'No account has the e-mail.',
  password_wrong: 'The password was wrong.',
  account_disabled: 'The account is disabled.',
  second_factor_wrong: 'The second factor was wrong, or was used before.',
  totp_closed: 'Too many wrong codes in a row have closed the TOTP of the account.',
  attempt_expired: 'The second half came too late, or after too many tries.',
  limited:
    'A limit of the account was used up, or too many attempts waited. A limit of the address refuses before an attempt counts.',
  refused:
    'Another refusal: the account changed meanwhile, or cannot sign in as strongly as the application asks.',
  failed: 'The server could not judge the attempt: Postgres was away, or a fault.',
} as const satisfies Readonly<Record<string, string>>

export type SignInResult = keyof typeof SIGN_IN_RESULTS

type Refusal = Readonly<{ code: ProblemCode; reason: ProblemReason | null }>

/** The result of an attempt that was refused. */
export const signInResultOf = ({ code, reason }: Refusal): SignInResult => {
  if (reason === 'email_unknown' || reason === 'password_wrong' || reason === 'account_disabled')
    return reason
  return RESULTS[code] ?? 'refused'
}

const RESULTS: Readonly<Partial<Record<ProblemCode, SignInResult>>> = {
  AUTH_SECOND_FACTOR_INVALID: 'second_factor_wrong',
  AUTH_TOTP_CLOSED: 'totp_closed',
  AUTH_CEREMONY_OVER: 'attempt_expired',
  RATE_LIMITED: 'limited',
}
