import type { Config } from '../config.ts'
import type { LinkPurpose, LinkToken } from '../domain/account/email-link.ts'
import type { JudgeNewPassword } from '../flows/account/judge-new-password.ts'
import type { RequireStepUp } from '../flows/factors/require-step-up.ts'
import { createNotices } from '../flows/mail/notices.ts'
import { createNotifyOwner } from '../flows/mail/notify-owner.ts'
import { createRedeemLinks } from '../flows/mail/redeem-links.ts'
import { createSendLinks } from '../flows/mail/send-links.ts'
import type { Brand } from '../http/layout/brand.ts'
import { createMailPage } from '../http/layout/mail-page.ts'
import { type MailQueue, openMailQueue } from '../platform/mail-queue.ts'
import { openMailTemplates } from '../platform/mail-templates.ts'
import { openSmtp } from '../platform/smtp.ts'
import type { Base } from './base.ts'
import type { OnClose } from './open.ts'
import type { ComposedTemplates } from './templates.ts'

type Parts = Base &
  Pick<ComposedTemplates, 'mails'> &
  Readonly<{
    brand: Brand
    /** Where mails are shown when there is no SMTP_URL, on the embedded database alone. */
    printMail: (text: string) => void
    onClose: OnClose
  }>

/** What mail needs of the account API. */
type AccountApi = Readonly<{
  judgeNewPassword: JudgeNewPassword
  requireStepUp: RequireStepUp
}>

/** Composes mail: the queue, the notices, and the sending and redeeming of links. */
export const composeMail = (config: Config, parts: Parts) => {
  const { limits, onClose } = parts
  const mailer = openMailer(config, parts)
  if (mailer) onClose(() => mailer.close())
  else
    parts.log.warn(
      {},
      'SMTP_URL is unset: no mail is sent, and no account can get a new password; set SMTP_URL and MAIL_FROM',
    )
  const recipients = limits('mail-recipient', config.RATE_LIMIT_RECIPIENT)
  const notices = createNotices({ ...parts, mailer, recipients })
  const limit = limits('mail', config.RATE_LIMIT_MAIL)
  return {
    notices,
    mailer,
    limit,
    /** Null: no mail is sent. */
    waiting: mailer && mailer.waiting,
    /** What the account API does with it. */
    withAccounts: (api: AccountApi) => {
      const sendLinks = createSendLinks({
        ...parts,
        ...api,
        mailer,
        recipients,
        linkTo: linksOf(config),
      })
      return {
        sendLinks,
        redeemLinks: createRedeemLinks({ ...parts, ...api, notices }),
        notifyOwner: createNotifyOwner({ notices, sendLinks }),
      }
    },
  }
}

export type ComposedMail = ReturnType<typeof composeMail>

/** Mails in the words and the look of the settings. */
export const composeLetters = (issuer: string, { mails, brand }: Pick<Parts, 'mails' | 'brand'>) =>
  openMailTemplates({ issuer, brand_name: brand.name, own: mails, dress: createMailPage(brand) })

/** Null on a real Postgres without SMTP_URL: a mail that is only printed must not be taken for sent. */
const openMailer = (
  { SMTP_URL, MAIL_FROM, DATABASE_URL, ISSUER }: Config,
  { mails, brand, printMail, metrics, log }: Parts,
): MailQueue | null => {
  if (SMTP_URL === null && DATABASE_URL !== null) return null
  const letterOf = composeLetters(ISSUER, { mails, brand })
  if (SMTP_URL === null || MAIL_FROM === null) {
    return openMailQueue({
      deliver: async mail => {
        const { subject, text } = letterOf(mail)
        printMail(`Mail to ${mail.to}: ${subject}\n\n${text}`)
      },
      metrics,
      log,
    })
  }
  const smtp = openSmtp({ url: SMTP_URL, from: MAIL_FROM })
  const queue = openMailQueue({ deliver: mail => smtp.send(letterOf(mail), mail.to), metrics, log })
  return {
    ...queue,
    close: async () => {
      await queue.close()
      smtp.close()
    },
  }
}

const PAGES = {
  verify_email: '/confirm-email',
  change_email: '/confirm-email',
  reset_password: '/reset-password',
} as const satisfies Record<LinkPurpose, string>

/** A link to the application's page has its token in the fragment, which reaches no server and no log; without such a page, ours is meant. */
const linksOf =
  ({ MAIL_LINK_URL, ISSUER }: Config) =>
  (purpose: LinkPurpose, token: LinkToken): string =>
    MAIL_LINK_URL === null
      ? `${ISSUER}${PAGES[purpose]}?token=${token}`
      : `${MAIL_LINK_URL}#purpose=${purpose}&token=${token}`
