import { html } from '../layout/html.ts'
import { inLanguage, type Page } from '../layout/layout.ts'
import { button, form, sign } from '../layout/parts.ts'
import { formTargetsOf } from './asking.ts'

type SignOut = Readonly<{
  sealed: string
  /** The application that asks; null where none is proved. */
  application: string | null
  email: string
  /** Where the browser goes on; null: to a page of ours. */
  target: string | null
}>

/** OpenID Connect RP-Initiated Logout §2 – Asks the person, because any page can lead a browser here. */
export const signOutPage =
  ({ sealed, application, email, target }: SignOut): Page =>
  view => {
    const { say, brand } = view
    const asks = application === null ? {} : { application: html`<strong>${application}</strong>` }
    const buttons = html`<div class="pair">${button({ label: say('sign-out.stay'), kind: 'quiet', name: 'decision', value: 'deny' })}${button(
      { label: say('sign-out.button'), busy: say('sign-out.busy'), name: 'decision', value: 'allow' },
    )}</div>`
    return {
      title: say('sign-out.title', { brand: brand.name }),
      lead:
        asks.application === undefined
          ? say('sign-out.help', { email })
          : say('sign-out.asked_by', { application: asks.application, email }),
      content: form(view, { action: '/logout', hidden: { request: sealed }, content: buttons }),
      form_targets: target === null ? [] : formTargetsOf(target),
    }
  }

export const signedOutPage: Page = ({ say, language }) => ({
  title: say('sign-out.done_title'),
  lead: say('sign-out.done_help'),
  sign: sign('check', 'good'),
  content: html`<a class="button quiet" href="${inLanguage('/sign-in', language)}">${say('sign-out.again')}</a>`,
})
