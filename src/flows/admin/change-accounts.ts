import { judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import type { AccountChange, AdministeredAccount } from '../../domain/account/administered-account.ts'
import { judgeExternalId } from '../../domain/account/external-id.ts'
import { EMPTY_PROFILE, type GivenProfile, judgeProfile } from '../../domain/account/profile.ts'
import type { Language } from '../../domain/base/language.ts'
import type { AboutRequest } from '../../domain/base/log-fields.ts'
import { areAdministrative, FIRST_ROLES, judgeRoles } from '../../domain/oauth/roles.ts'
import { type FieldError, Problem } from '../../domain/refusals/problem.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import type { AdministeredAccounts } from '../../ports/administration.ts'
import type { Clock, Passwords, Random } from '../../ports/effects.ts'
import type { JudgeNewPassword } from '../account/judge-new-password.ts'

type Needs = Readonly<{
  administration: Pick<AccountAdministration, 'create' | 'find'>
  administeredAccounts: AdministeredAccounts
  judgeNewPassword: JudgeNewPassword
  passwords: Pick<Passwords, 'hash'>
  random: Random
  clock: Clock
  mailPasswordLink: MailPasswordLink
}>

/** Mails the owner of an account the link by which they set a password. Null: this server sends no mail. */
type MailPasswordLink =
  | ((mail: Readonly<{ email: string; language: Language; about: AboutRequest }>) => void)
  | null

/** The fields of an administrator's form. */
type Given = Readonly<{
  profile: GivenProfile
  roles?: readonly string[] | undefined
  external_id?: string | null | undefined
  email_verified?: boolean | undefined
}>

type New = Given &
  Readonly<{
    email: string
    password: string | undefined
    isInvited: boolean
    language: Language
    about: AboutRequest
  }>

/** Ours (docs/administration.md) – What administrators make of accounts, a whole form or nothing. Both verbs throw Problems. */
export const createChangeAccounts = (needs: Needs) => ({
  create: createCreateAccount(needs),

  change: async ({
    id,
    versions,
    ...given
  }: Given & Readonly<{ id: string; versions: readonly string[] | null }>) => {
    const { change, errors } = judgeGiven(given)
    if (errors.length > 0) throw new Problem('FIELDS_INVALID', { errors })
    const outcome = await needs.administeredAccounts.change({ id, versions, change })
    switch (outcome) {
      case 'unknown':
        throw new Problem('NOT_FOUND')
      case 'changed':
        throw new Problem('CHANGED_MEANWHILE')
      case 'external_id_taken':
        throw new Problem('EXTERNAL_ID_TAKEN')
      default:
        return outcome
    }
  },
})

export type ChangeAccounts = ReturnType<typeof createChangeAccounts>

const createCreateAccount =
  (needs: Needs) =>
  async ({ password, isInvited, language, about, ...given }: New): Promise<AdministeredAccount> => {
    const email = normalizeEmail(given.email)
    const roles = given.roles ?? FIRST_ROLES
    const judged = judgeGiven(given)
    const errors = [...judged.errors, ...judgeNew({ email, roles, isInvited })]
    const judgedPassword = password === undefined ? null : await needs.judgeNewPassword(password, email)
    if (judgedPassword !== null) errors.push(...faultAt('password', judgedPassword.fault))
    if (password !== undefined && isInvited)
      errors.push(...faultAt('invite', 'must be left out with a password'))
    if (errors.length > 0) throw new Problem('FIELDS_INVALID', { errors })
    if (isInvited && needs.mailPasswordLink === null) throw new Problem('MAIL_OFF')
    const id = needs.random.uuid()
    const { external_id = null, email_verified = false, ...profile } = judged.change
    const isCreated = await needs.administration.create({
      ...EMPTY_PROFILE,
      ...profile,
      id,
      email,
      password_digest: judgedPassword && (await needs.passwords.hash(judgedPassword.password)),
      roles: [...new Set(roles)],
      email_verified,
      external_id,
      disabled: false,
      created_at: needs.clock().toISOString(),
    })
    if (!isCreated) throw new Problem(await takenBy(needs, { email }))
    if (isInvited) needs.mailPasswordLink?.({ email, language, about })
    const account = await needs.administeredAccounts.find(id)
    // Another administrator has deleted it already.
    if (account === null) throw new Problem('NOT_FOUND')
    return account
  }

const takenBy = async ({ administration }: Needs, { email }: Readonly<{ email: string }>) =>
  (await administration.find({ email })) === null ? 'EXTERNAL_ID_TAKEN' : 'EMAIL_TAKEN'

/** A person who only reads the mail of an address must not become an administrator by it. */
const judgeNew = ({
  email,
  roles,
  isInvited,
}: Readonly<{ email: string; roles: readonly string[]; isInvited: boolean }>) => [
  ...faultAt('email', judgeEmail(email)),
  ...faultAt(
    'roles',
    isInvited && areAdministrative(roles) ? 'must be given after the invited person has signed in' : null,
  ),
]

const judgeGiven = ({
  profile,
  roles,
  external_id,
  email_verified,
}: Given): Readonly<{ change: AccountChange; errors: readonly FieldError[] }> => {
  const judged = judgeProfile(profile)
  const errors = [
    ...('errors' in judged ? judged.errors : []),
    ...faultAt('roles', roles === undefined ? null : judgeRoles(roles)),
    ...faultAt('external_id', typeof external_id === 'string' ? judgeExternalId(external_id) : null),
  ]
  const change = {
    ...('errors' in judged ? {} : judged.change),
    ...(roles === undefined ? {} : { roles: [...new Set(roles)] }),
    ...(external_id === undefined ? {} : { external_id }),
    ...(email_verified === undefined ? {} : { email_verified }),
  }
  return { change, errors }
}

const faultAt = (field: string, detail: string | null): readonly FieldError[] =>
  detail === null ? [] : [{ pointer: `#/${field}`, detail }]
