import { type Account, judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import { admitsSignUp, type SignUpMode } from '../../domain/account/invitation.ts'
import type { Language } from '../../domain/base/language.ts'
import { aboutSignIn } from '../../domain/base/log-fields.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { FIRST_ROLES } from '../../domain/oauth/roles.ts'
import { type FieldError, Problem } from '../../domain/refusals/problem.ts'
import type { PresentedSession } from '../../domain/sign-in/browser-session.ts'
import type { RefreshTransport, TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Passwords, Random } from '../../ports/effects.ts'
import type { Invitations } from '../../ports/mail.ts'
import { namingSignIn } from '../access/naming-sign-in.ts'
import type { JudgeNewPassword } from '../account/judge-new-password.ts'
import type { CompleteSignIn, Welcomed } from './complete-sign-in.ts'
import { findInvitation, type Invited } from './invitation.ts'

type Needs<S extends Welcomed> = Readonly<{
  accounts: Accounts
  passwords: Passwords
  random: Random
  judgeNewPassword: JudgeNewPassword
  completeSignIn: CompleteSignIn<S>
  invitations: Invitations
  /** Who may open an account. */
  sign_up: SignUpMode
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
  /** At a registration: the token of an invitation. */
  invitation?: string | undefined
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

/** What is wrong with an address that is not the one that the invitation was mailed to. */
export const NOT_INVITED = 'must be the address that was invited'

/** Ours (docs/decisions/0029) – Registers an account and signs it in. */
export const createSignUp =
  <S extends Welcomed>(needs: Needs<S>) =>
  async ({
    email: given,
    password: chosen,
    invitation,
    acr_values: _,
    ...request
  }: Credentials): Promise<S> => {
    const { completeSignIn } = needs
    const invited = await admitSignUp(needs, invitation)
    const { email, password } = await parseCredentials(needs, { email: given, password: chosen, invited })
    const account = await openAccount(needs, { email, password, invited, language: request.language })
    const completing = () => completeSignIn({ ...request, account, amr: PASSWORD_AMR })
    const signedIn = await namingSignIn(aboutSignIn({ sub: account.id }), completing)
    return { ...signedIn, isNewDevice: false }
  }

/**
 * Ours – The invitation of a person who may open an account; null for a person who needs none. A refusal is the same for every address,
 * also for one that was invited or that has an account.
 */
const admitSignUp = async (
  needs: Pick<Needs<Welcomed>, 'invitations' | 'sign_up'>,
  invitation: string | undefined,
): Promise<Invited | null> => {
  const { sign_up } = needs
  if (sign_up === 'closed') throw new Problem('SIGN_UP_CLOSED')
  if (invitation !== undefined) return findInvitation(needs, invitation)
  if (!admitsSignUp(sign_up, { isInvited: false })) throw new Problem('INVITATION_NEEDED')
  return null
}

type NewAccount = Readonly<{
  email: string
  password: string
  invited: Invited | null
  language: Language
}>

const openAccount = async (
  { accounts, invitations, passwords, random }: Needs<Welcomed>,
  { email, password, invited, language }: NewAccount,
): Promise<Account> => {
  const password_digest = await passwords.hash(password)
  const made = { id: random.uuid(), email, password_digest, roles: FIRST_ROLES, language }
  const account =
    invited === null
      ? ((await accounts.create(made)) ?? 'taken')
      : await invitations.redeem({ ...made, digest: invited.digest })
  if (account === null) throw new Problem('INVITATION_INVALID', { reason: 'invitation_spent_meanwhile' })
  if (account === 'taken') throw new Problem('EMAIL_TAKEN')
  return account
}

/** Reads e-mail and password. Throws a 422 that names every bad field at once, so that a form can show them all. */
const parseCredentials = async (
  { judgeNewPassword }: Pick<Needs<Welcomed>, 'judgeNewPassword'>,
  given: { email: string; password: string; invited: Invited | null },
) => {
  const email = normalizeEmail(given.email)
  const { password, fault } = await judgeNewPassword(given.password, email)
  const isAnother = given.invited !== null && given.invited.email !== email
  const judged = { email: judgeEmail(email) ?? (isAnother ? NOT_INVITED : null), password: fault }
  const errors = Object.entries(judged).flatMap(([field, detail]): FieldError[] =>
    detail === null ? [] : [{ pointer: `#/${field}`, detail }],
  )
  if (errors.length > 0) throw new Problem('FIELDS_INVALID', { errors })
  return { email, password }
}
