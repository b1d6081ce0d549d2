import { accountSheet, card, type Frame } from '../account-pages/frame.ts'
import { actions } from '../account-pages/parts.ts'
import { html } from '../layout/html.ts'
import { inLanguage, type Page } from '../layout/layout.ts'
import { button, form, note } from '../layout/parts.ts'
import { backLink, SECURITY_PATH } from './parts.ts'

type Renewal = Readonly<{ frame: Frame; isOvertaken: boolean }>

/** Before recovery codes are made anew: the former ones are void then. */
export const recoveryRenewalPage =
  ({ frame, isOvertaken }: Renewal): Page =>
  view => {
    const { say } = view
    const overtaken = html`<div role="alert">${note({ kind: 'warn', text: say('security.codes_overtaken') })}</div>`
    const buttons = actions(
      button({ label: say('security.codes_renew'), busy: say('security.codes_renew_busy') }),
      backLink(view),
    )
    const content = html`${isOvertaken ? overtaken : null}
<p class="muted">${say('security.codes_renew_help')}</p>
${form(view, {
  action: '/account/security/recovery-codes',
  hidden: { request: frame.sealed },
  content: buttons,
})}`
    return {
      ...accountSheet(view, {
        frame,
        tab: 'security',
        cards: card({ title: say('security.codes_renew'), content }),
      }),
      isFault: isOvertaken,
      addressIn: language => inLanguage('/account/security/recovery-codes', language),
    }
  }

type Codes = Readonly<{ frame: Frame; codes: readonly string[] }>

/** New recovery codes, which are shown this once. On paper the page has the codes, whose they are, and nothing else. */
export const recoveryCodesPage =
  ({ frame, codes }: Codes): Page =>
  view => {
    const { say, brand, language } = view
    const email = html`<strong>${frame.person.email}</strong>`
    const go = html`<a class="button" href="${inLanguage(SECURITY_PATH, language)}">${say('security.codes_kept')}</a>`
    const print = html`<button type="button" class="quiet" data-print hidden>${say('security.codes_print')}</button>`
    const content = html`<p>${say('security.codes_help', { email })}</p>
<ul class="codes" aria-label="${brand.name}">${codes.map(code => html`<li><code>${code}</code></li>`)}</ul>
${actions(go, print)}`
    return accountSheet(view, {
      frame,
      tab: 'security',
      cards: card({ title: say('security.codes_title'), content }),
    })
  }
