import { field } from '../layout/field.ts'
import { type Html, html } from '../layout/html.ts'
import { inLanguage, type Page, type View } from '../layout/layout.ts'
import { button, type Fault, faultSummary, form, note, sign, whenIn } from '../layout/parts.ts'
import { accountSheet, card, type Frame } from './frame.ts'
import { actions, linkButton } from './parts.ts'

type OwnData = Readonly<{
  frame: Frame
  /** Until the data can be downloaded again; null: now. */
  wait_seconds: number | null
}>

/** What is kept about the person: to take along, and to delete. */
export const ownDataPage =
  ({ frame, wait_seconds }: OwnData): Page =>
  view => {
    const { say, brand } = view
    const wait = wait_seconds === null ? null : faultSummary(view, [waitFault(view, wait_seconds)])
    const download = form(view, {
      action: '/account/data',
      hidden: { request: frame.sealed },
      // The page stays where it is while the file is saved: the button shows no busy state that would never end.
      content: html`<div data-download>${button({ label: say('account-data.download'), kind: 'quiet' })}</div>`,
    })
    const cards = html`${card({
      title: say('account-data.download_title'),
      content: html`${wait}
<p class="muted">${say('account-data.download_help', { brand: brand.name })}</p>
${download}`,
    })}
${card({
  title: say('account-data.delete_title'),
  tools: linkButton(view, { path: '/account/data/delete', label: say('account-data.delete') }),
  content: html`<p class="muted">${say('account-data.delete_help')}</p>`,
})}`
    return {
      ...accountSheet(view, { frame, tab: 'data', cards }),
      isFault: wait !== null,
      addressIn: language => inLanguage('/account/data', language),
    }
  }

/** What was wrong with the last attempt. */
export type DeletionFault =
  | Readonly<{ kind: 'another_address' }>
  | Readonly<{ kind: 'wait'; retry_after_seconds: number }>

type Deletion = Readonly<{ frame: Frame; email: string; fault: DeletionFault | null }>

/** What it means to delete the account, before it is done. */
export const deletionPage =
  ({ frame, email, fault: given }: Deletion): Page =>
  view => {
    const { say, language } = view
    const own = html`<strong>${frame.person.email}</strong>`
    const fault = given === null ? null : faultOf(view, { fault: given, own })
    const fields = [
      field(view, {
        name: 'email',
        label: say('account-data.type_email'),
        type: 'email',
        autocomplete: 'off',
        value: email,
        fault: fault?.field === 'email' ? fault.text : null,
        hasFocus: true,
        more: { inputmode: 'email', autocapitalize: 'none', spellcheck: 'false' },
      }),
      actions(
        button({
          label: say('account-data.delete_button'),
          busy: say('account-data.delete_busy'),
          kind: 'danger',
        }),
        html`<a class="button quiet" href="${inLanguage('/account/data', language)}">${say('account-data.keep')}</a>`,
      ),
    ]
    const content = html`${faultSummary(view, fault === null ? [] : [fault])}
${note({ kind: 'warn', text: say('account-data.delete_warning', { email: own }) })}
<p class="muted">${say('account-data.delete_elsewhere')}</p>
${form(view, { action: '/account/data/delete', hidden: { request: frame.sealed }, content: fields })}`
    return {
      ...accountSheet(view, {
        frame,
        tab: 'data',
        cards: card({ title: say('account-data.delete_title'), content }),
      }),
      isFault: fault !== null,
      addressIn: each => inLanguage('/account/data/delete', each),
    }
  }

export const accountDeletedPage: Page = ({ say, brand }) => ({
  title: say('account-data.deleted_title'),
  lead: say('account-data.deleted_help', { brand: brand.name }),
  sign: sign('check', 'good'),
})

const faultOf = (view: View, { fault, own }: Readonly<{ fault: DeletionFault; own: Html }>): Fault => {
  switch (fault.kind) {
    case 'another_address':
      return { field: 'email', text: view.say('account-data.another_address', { email: own }) }
    case 'wait':
      return waitFault(view, fault.retry_after_seconds)
  }
}

const waitFault = ({ say, language }: View, seconds: number): Fault => ({
  field: null,
  text: say('forgot-password.wait', { when: whenIn(language, seconds) }),
})
