import { LINK_SECONDS } from '../../domain/account/email-link.ts'
import type { ProblemCode } from '../../domain/base/problem.ts'
import { type Html, html } from './html.ts'
import type { Icon } from './icons.ts'
import type { Page } from './layout.ts'
import { sign } from './parts.ts'
import type { Say } from './texts.ts'

type Words = Readonly<{ title: Html; help: Html; icon: Icon }>

/** What a person can do something about. A refusal that is not here passes by itself. */
const WORDS: Readonly<Partial<Record<ProblemCode, (say: Say) => Words>>> = {
  LINK_INVALID: say => ({
    title: say('refusal.gone_title'),
    help: say('refusal.gone_help', { minutes: LINK_SECONDS / 60 }),
    icon: 'link_off',
  }),
  AUTHORIZATION_REQUEST_INVALID: say => ({
    title: say('refusal.request_title'),
    help: say('refusal.request_help'),
    icon: 'alert',
  }),
  PAGE_EXPIRED: say => ({
    title: say('refusal.expired_title'),
    help: say('refusal.expired_help'),
    icon: 'clock',
  }),
  PAGE_FOREIGN: say => ({
    title: say('refusal.browser_title'),
    help: say('refusal.browser_help'),
    icon: 'shield',
  }),
  EMAIL_TAKEN: say => ({ title: say('refusal.taken_title'), help: say('refusal.taken_help'), icon: 'mail' }),
  ORIGIN_NOT_ALLOWED: say => ({
    title: say('refusal.foreign_title'),
    help: say('refusal.foreign_help'),
    icon: 'shield',
  }),
  RATE_LIMITED: say => ({ title: say('refusal.wait_title'), help: say('refusal.wait_help'), icon: 'clock' }),
  MAIL_OFF: say => ({
    title: say('refusal.mail_off_title'),
    help: say('refusal.mail_off_help'),
    icon: 'mail',
  }),
  INTERNAL: say => ({ title: say('refusal.failed_title'), help: say('refusal.failed_help'), icon: 'alert' }),
}

const later = (say: Say): Words => ({
  title: say('refusal.later_title'),
  help: say('refusal.later_help'),
  icon: 'clock',
})

/** A refusal, for the person who reads it. */
export const refusalPage =
  (code: ProblemCode, restart: string | null = null): Page =>
  ({ say }) => {
    const words = (WORDS[code] ?? later)(say)
    return {
      title: words.title,
      lead: words.help,
      sign: sign(words.icon, 'bad'),
      ...(restart === null
        ? {}
        : { content: html`<a class="button" href="${restart}">${say('refusal.restart')}</a>` }),
      isFault: true,
    }
  }
