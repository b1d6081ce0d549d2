import type { ScopeAsked } from '../../domain/authorization/consent.ts'
import { type UserCode, writtenUserCode } from '../../domain/authorization/device-code.ts'
import type { ScopeCatalogue } from '../../domain/authorization/scope-catalogue.ts'
import type { Language } from '../../domain/base/language.ts'
import { describeDevice } from '../../domain/base/user-agent.ts'
import type { RequestSource } from '../../domain/sign-in/refresh-family.ts'
import { field } from '../layout/field.ts'
import { type Html, html } from '../layout/html.ts'
import { inLanguage, type Page, type View } from '../layout/layout.ts'
import { button, faultSummary, form, itemList, note, sign } from '../layout/parts.ts'
import { scopeItemOf } from './consent.ts'

export const DEVICE_PATH = '/device'
const EXAMPLE = 'BCDF-GHJK'

type TypedCode = Readonly<{
  sealed: string
  /** The code of the address (RFC 8628 §3.3.1): it is shown, and its second half asked for. Null: the whole code is asked for. */
  known: UserCode | null
  /** What the person had typed, where it was wrong; null at first. */
  wrong: string | null
}>

/** RFC 8628 §3.3 – Where a person types the code of a device. The code is never filled in: the person reads it from the device. */
export const userCodePage =
  ({ sealed, known, wrong }: TypedCode): Page =>
  view => {
    const { say } = view
    const fault = wrong === null ? null : say('device.wrong')
    const hint =
      known === null
        ? say('device.hint', { example: html`<code>${EXAMPLE}</code>` })
        : say('device.hint_half')
    const code = field(view, {
      name: 'user_code',
      label: known === null ? say('device.code') : say('device.last_letters'),
      type: 'text',
      autocomplete: 'off',
      value: wrong ?? '',
      hint,
      fault,
      hasFocus: true,
      more: { autocapitalize: 'characters', spellcheck: 'false', maxlength: '40' },
    })
    return {
      title: say('device.title'),
      lead:
        known === null
          ? say('device.help')
          : say('device.help_half', { code: html`<strong><code>${writtenUserCode(known)}</code></strong>` }),
      content: html`${faultSummary(view, fault === null ? [] : [{ field: 'user_code', text: fault }])}
${form(view, {
  action: DEVICE_PATH,
  hidden: { request: sealed },
  content: [code, button({ label: say('device.button'), busy: say('device.busy') })],
})}`,
      isFault: fault !== null,
      addressIn: language => inLanguage(addressOf(known), language),
    }
  }

const addressOf = (known: UserCode | null): string =>
  known === null ? DEVICE_PATH : `${DEVICE_PATH}?user_code=${writtenUserCode(known)}`

type DeviceAsked = Readonly<{
  sealed: string
  application: string
  /** The host that the application says it is run by; null where it says none. */
  client_host: string | null
  source: RequestSource
  created_at: Date
  scopes: readonly ScopeAsked[]
  catalogue: ScopeCatalogue
  email: string
}>

/** RFC 8628 §5.4 – What asks, from where and since when, and always the question that a deceived person has to read. Deny comes first. */
export const deviceDecisionPage =
  (asked: DeviceAsked): Page =>
  view => {
    const { say } = view
    const { sealed, application, client_host, scopes, email } = asked
    const owner = html`<strong>${client_host}</strong>`
    const question = html`<strong>${say('device.sent_title')}</strong> ${say('device.sent_help')}`
    const items = scopes.map((scope, index) => scopeItemOf(view, asked, { ...scope, id: `scope-${index}` }))
    const buttons = html`<div class="pair">${button({ label: say('device.deny'), kind: 'quiet', name: 'decision', value: 'deny' })}${button(
      { label: say('device.allow'), busy: say('device.allowing'), name: 'decision', value: 'allow' },
    )}</div>`
    return {
      title: say('device.decide_title', { application }),
      ...(client_host === null ? {} : { lead: say('device.run_by', { owner }) }),
      content: html`${itemList(factsOf(view, asked))}
${note({ kind: 'warn', text: question })}
${form(view, {
  action: DEVICE_PATH,
  hidden: { request: sealed },
  content: html`<p class="small">${say('device.permissions')}</p>${itemList(items)}${buttons}`,
})}
<p class="muted small center">${say('consent.signed_in_as', { email })}</p>`,
      addressIn: language => inLanguage(DEVICE_PATH, language),
    }
  }

const factsOf = ({ say, language }: View, { source, created_at }: DeviceAsked) => [
  {
    icon: 'device' as const,
    label: describeDevice(source.user_agent, language),
    detail: say('device.asked_from', { ip: source.ip }),
  },
  { icon: 'clock' as const, label: minuteOf(language, created_at), detail: say('device.asked_at') },
]

const minuteOf = (language: Language, date: Date): Html => {
  const words = new Intl.DateTimeFormat(language, {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone: 'UTC',
  })
  return html`<time datetime="${date.toISOString()}">${words.format(date)} UTC</time>`
}

export const deviceAllowedPage: Page = ({ say }) => ({
  title: say('device.allowed_title'),
  lead: say('device.allowed_help'),
  sign: sign('check', 'good'),
})

export const deviceDeniedPage: Page = ({ say }) => ({
  title: say('device.denied_title'),
  lead: say('device.denied_help'),
  sign: sign('check', 'plain'),
})

export const deviceOverPage: Page = ({ say, language }) => ({
  title: say('device.over_title'),
  lead: say('device.over_help'),
  sign: sign('clock', 'warn'),
  content: html`<a class="button quiet" href="${inLanguage(DEVICE_PATH, language)}">${say('device.again')}</a>`,
})
