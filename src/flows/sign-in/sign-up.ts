import { judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import type { Language } from '../../domain/base/language.ts'
import { aboutSignIn } from '../../domain/base/log-fields.ts'
import { type FieldError, namingSignIn, Problem } from '../../domain/base/problem.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { FIRST_ROLES } from '../../domain/oauth/roles.ts'
import type { PresentedSession } from '../../domain/sign-in/browser-session.ts'
import type { RefreshTransport, TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Passwords, Random } from '../../ports/effects.ts'
import type { JudgeNewPassword } from '../account/judge-new-password.ts'
import type { CompleteSignIn, Welcomed } from './complete-sign-in.ts'

type Needs<S extends Welcomed> = Readonly<{
  accounts: Accounts
  passwords: Passwords
  random: Random
  judgeNewPassword: JudgeNewPassword
  completeSignIn: CompleteSignIn<S>
  /** False: the operator makes the accounts. */
  isSignUpOpen: boolean
}>

export type Credentials = Readonly<{
  client: Client
  email: string
  password: string
  refresh_transport: RefreshTransport
  /** RFC 8707 – The resources of the tokens, which `requireResources` has judged. Empty: the client's default. */
  resources: readonly string[]
  /** RFC 9470 – The classes that the application accepts at a sign-in; null for any. */
  acr_values: readonly string[] | null
  /** The device token that an earlier sign-in left with the device; null for a new device. */
  device_token: string | null
  /** On the hosted pages: the session that the browser brought. */
  session?: PresentedSession | null
  source: TracedSource
  /** The language of the request. */
  language: Language
}>

/** RFC 8176 §2 – "pwd": password-based authentication. */
export const PASSWORD_AMR = ['pwd']

/** Ours (docs/decisions/0029) – Registers an account and signs it in. */
export const createSignUp =
  <S extends Welcomed>(needs: Needs<S>) =>
  async ({ email: given, password: chosen, acr_values: _, ...request }: Credentials): Promise<S> => {
    const { accounts, passwords, random, completeSignIn, isSignUpOpen } = needs
    if (!isSignUpOpen) throw new Problem('SIGN_UP_CLOSED')
    const { email, password } = await parseCredentials(needs, { email: given, password: chosen })
    const password_digest = await passwords.hash(password)
    const account = await accounts.create({
      id: random.uuid(),
      email,
      password_digest,
      roles: FIRST_ROLES,
      language: request.language,
    })
    if (account === null) throw new Problem('EMAIL_TAKEN')
    const completing = () => completeSignIn({ ...request, account, amr: PASSWORD_AMR })
    const signedIn = await namingSignIn(aboutSignIn({ sub: account.id }), completing)
    return { ...signedIn, isNewDevice: false }
  }

/** Reads e-mail and password. Throws a 422 that names every bad field at once, so that a form can show them all. */
const parseCredentials = async (
  { judgeNewPassword }: Pick<Needs<Welcomed>, 'judgeNewPassword'>,
  given: { email: string; password: string },
) => {
  const email = normalizeEmail(given.email)
  const { password, fault } = await judgeNewPassword(given.password, email)
  const judged = { email: judgeEmail(email), password: fault }
  const errors = Object.entries(judged).flatMap(([field, detail]): FieldError[] =>
    detail === null ? [] : [{ pointer: `#/${field}`, detail }],
  )
  if (errors.length > 0) throw new Problem('FIELDS_INVALID', { errors })
  return { email, password }
}
