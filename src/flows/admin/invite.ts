import { judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import { LINK_SEED_BYTES, type LinkToken, linkTokenOf } from '../../domain/account/email-link.ts'
import type { SignUpMode } from '../../domain/account/invitation.ts'
import { digestOf } from '../../domain/base/digest.ts'
import type { Language } from '../../domain/base/language.ts'
import type { AboutRequest } from '../../domain/base/log-fields.ts'
import { fieldInvalid, Problem } from '../../domain/refusals/problem.ts'
import type { Random } from '../../ports/effects.ts'
import type { Invitations, Mailer } from '../../ports/mail.ts'

type Needs = Readonly<{
  invitations: Pick<Invitations, 'invite'>
  /** Null: this server sends no mail. */
  mailer: Mailer | null
  random: Random
  sign_up: SignUpMode
  valid_seconds: number
  /** The URL of an invitation. */
  linkTo: (token: LinkToken) => string
}>

type Invited = Readonly<{ email: string; expires_at: Date }>

/** Mails a person the link by which they open an account, with the roles of a new one. A second invitation voids the first link. */
export type Invite = (
  invitation: Readonly<{ email: string; language: Language; about: AboutRequest }>,
) => Promise<Invited>

/** Ours (docs/decisions/0041) – Throws a Problem where no invitation is taken, no mail is sent, or an account has the address. */
export const createInvite =
  ({ invitations, mailer, random, sign_up, valid_seconds, linkTo }: Needs): Invite =>
  async ({ email: given, language, about }) => {
    const email = normalizeEmail(given)
    const detail = judgeEmail(email)
    if (detail !== null) throw fieldInvalid({ pointer: '#/email', detail })
    if (sign_up === 'closed') throw new Problem('SIGN_UP_CLOSED')
    if (mailer === null) throw new Problem('MAIL_OFF')
    const token = linkTokenOf(random.bytes(LINK_SEED_BYTES))
    const invited = await invitations.invite({ email, digest: digestOf(token), valid_seconds })
    if (invited === null) throw new Problem('EMAIL_TAKEN')
    const { expires_at } = invited
    const until = `${expires_at.toISOString().slice(0, 16).replace('T', ' ')} UTC`
    mailer.post(
      async () => ({
        name: 'invitation',
        language,
        to: email,
        account_id: null,
        values: { link: linkTo(token), until },
      }),
      { isUrgent: false, email, about },
    )
    return { email, expires_at }
  }
