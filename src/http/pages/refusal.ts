import { LINK_SECONDS } from '../../domain/account/email-link.ts'
import type { ProblemCode } from '../../domain/refusals/problem-codes.ts'
import { type Html, html } from '../layout/html.ts'
import type { Icon } from '../layout/icons.ts'
import type { Page } from '../layout/layout.ts'
import { sign, whenIn } from '../layout/parts.ts'
import type { Say } from '../layout/texts.ts'

type Words = Readonly<{ title: Html; help: Html; icon: Icon }>

/** What a person can do something about. A refusal that is not here passes by itself. */
const WORDS: Readonly<Partial<Record<ProblemCode, (say: Say, when: string) => Words>>> = {
  LINK_INVALID: say => ({
    title: say('refusal.gone_title'),
    help: say('refusal.gone_help', { minutes: LINK_SECONDS / 60 }),
    icon: 'link_off',
  }),
  INVITATION_INVALID: say => ({
    title: say('refusal.invitation_title'),
    help: say('refusal.invitation_help'),
    icon: 'link_off',
  }),
  INVITATION_NEEDED: say => ({
    title: say('refusal.invitation_needed_title'),
    help: say('refusal.invitation_needed_help'),
    icon: 'mail',
  }),
  FORM_UNREADABLE: say => unreadable(say),
  PAYLOAD_TOO_LARGE: say => unreadable(say),
  AUTHORIZATION_REQUEST_INVALID: say => ({
    title: say('refusal.request_title'),
    help: say('refusal.request_help'),
    icon: 'alert',
  }),
  NOT_FOUND: say => ({
    title: say('refusal.nowhere_title'),
    help: say('refusal.nowhere_help'),
    icon: 'link_off',
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
  RATE_LIMITED: (say, when) => ({
    title: say('refusal.wait_title'),
    help: say('refusal.wait_help', { when }),
    icon: 'clock',
  }),
  MAIL_OFF: say => ({
    title: say('refusal.mail_off_title'),
    help: say('refusal.mail_off_help'),
    icon: 'mail',
  }),
  UPSTREAM_OVER: say => ({
    title: say('refusal.upstream_over_title'),
    help: say('refusal.upstream_over_help'),
    icon: 'clock',
  }),
  UPSTREAM_INVALID: say => ({
    title: say('refusal.upstream_invalid_title'),
    help: say('refusal.upstream_invalid_help'),
    icon: 'shield',
  }),
  UPSTREAM_NOT_RECENT: say => ({
    title: say('refusal.upstream_not_recent_title'),
    help: say('refusal.upstream_not_recent_help'),
    icon: 'clock',
  }),
  UPSTREAM_AWAY: (say, when) => ({
    title: say('refusal.upstream_away_title'),
    help: say('refusal.upstream_away_help', { when }),
    icon: 'clock',
  }),
  UPSTREAM_NOT_ADMITTED: say => ({
    title: say('refusal.upstream_stranger_title'),
    help: say('refusal.upstream_stranger_help'),
    icon: 'user',
  }),
  UPSTREAM_TAKEN: say => ({
    title: say('refusal.upstream_taken_title'),
    help: say('refusal.upstream_taken_help'),
    icon: 'user',
  }),
  UPSTREAM_LAST_WAY: say => ({
    title: say('refusal.upstream_last_title'),
    help: say('refusal.upstream_last_help'),
    icon: 'key',
  }),
  INTERNAL: say => ({ title: say('refusal.failed_title'), help: say('refusal.failed_help'), icon: 'alert' }),
}

const unreadable = (say: Say): Words => ({
  title: say('refusal.form_title'),
  help: say('refusal.form_help'),
  icon: 'alert',
})

const later = (say: Say): Words => ({
  title: say('refusal.later_title'),
  help: say('refusal.later_help'),
  icon: 'clock',
})

type Remedy = Readonly<{
  /** The address at which what expired can begin again. Default: there is none. */
  restart?: string | null
  /** Default: a minute. */
  retry_after_seconds?: number | null
}>

const WAIT_SECONDS = 60

/** A refusal, for the person who reads it. */
export const refusalPage =
  (code: ProblemCode, { restart = null, retry_after_seconds = null }: Remedy = {}): Page =>
  ({ say, language }) => {
    const when = whenIn(language, retry_after_seconds ?? WAIT_SECONDS)
    const words = (WORDS[code] ?? later)(say, when)
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
