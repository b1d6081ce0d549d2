import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { button, form, sign } from '../layout/parts.ts'

/** Where a link leads that confirms an e-mail address: one button. */
export const confirmEmailPage =
  ({ token, email }: Readonly<{ token: string; email: string }>): Page =>
  view => {
    const { say } = view
    return {
      title: say('confirm-email.title'),
      lead: say('confirm-email.help', { email: html`<strong>${email}</strong>` }),
      content: form(view, {
        action: '/confirm-email',
        hidden: { token },
        content: button({ label: say('confirm-email.button'), busy: say('confirm-email.busy') }),
      }),
    }
  }

export const emailConfirmedPage: Page = ({ say }) => ({
  title: say('confirm-email.done_title'),
  lead: say('confirm-email.done_help'),
  sign: sign('check', 'good'),
})

export const emailAlreadyConfirmedPage: Page = ({ say }) => ({
  title: say('confirm-email.already_title'),
  lead: say('confirm-email.already_help'),
  sign: sign('check', 'good'),
})
