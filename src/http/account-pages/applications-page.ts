import type { ScopeCatalogue } from '../../domain/authorization/scope-catalogue.ts'
import type { AllowedApplication } from '../../flows/account/applications.ts'
import { type Html, html } from '../layout/html.ts'
import type { Page, View } from '../layout/layout.ts'
import { button, form, itemList } from '../layout/parts.ts'
import { scopeWords } from '../layout/scope-words.ts'
import { accountSheet, card, dayOf, type Frame } from './frame.ts'

type Shown = Readonly<{
  frame: Frame
  applications: readonly AllowedApplication[]
  catalogue: ScopeCatalogue
}>

/** OpenID Connect Core §3.1.2.4 – The applications that the person has allowed something, each with an end. */
export const applicationsPage =
  ({ frame, applications, catalogue }: Shown): Page =>
  view => {
    const { say, language } = view
    const items = applications.map(({ client_id, name, granted, granted_at }) => ({
      icon: 'key' as const,
      label: name,
      detail: html`${scopesIn(view, granted, catalogue)} · ${say('account.since', { when: dayOf(language, granted_at) })}`,
      action: button({
        label: say('account.withdraw'),
        kind: 'quiet',
        isSlim: true,
        name: 'withdraw',
        value: client_id,
      }),
    }))
    const list = form(view, {
      action: '/account/applications',
      hidden: { request: frame.sealed },
      content: itemList(items),
    })
    const content = html`<p class="muted">${say('account.applications_help')}</p>
${applications.length === 0 ? html`<p>${say('account.no_applications')}</p>` : list}`
    const cards = card({ title: say('account.applications_title'), content })
    return accountSheet(view, { frame, tab: 'applications', cards })
  }

/** What was granted is a scope with the resource that it is granted for: the resource says nothing to a person. */
const scopesIn = (view: View, granted: readonly string[], catalogue: ScopeCatalogue): Html => {
  const scopes = new Set(granted.map(grant => grant.split(' ', 1)[0] ?? ''))
  const words = [...scopes].map(scope => scopeWords(view, scope, catalogue).title)
  return html`${words.map((each, index) => html`${index === 0 ? '' : ' · '}${each}`)}`
}
