import { type Html, html } from '../layout/html.ts'
import type { Icon } from '../layout/icons.ts'
import type { Page, View } from '../layout/layout.ts'
import { badge, button, form, itemList, note } from '../layout/parts.ts'
import type { Asking } from './asking.ts'

type ConsentAsked = Readonly<{
  sealed: string
  asking: Asking
  email: string
  /** Scopes that are new. */
  asked: readonly string[]
  /** Scopes that were granted before. */
  granted: readonly string[]
}>

/** OpenID Connect Core §3.1.2.4 – The client that asks, the scopes it asks for, and those granted before. Deny is as easy as Allow. */
export const consentPage =
  ({ sealed, asking, email, asked, granted }: ConsentAsked): Page =>
  view => {
    const { say, brand } = view
    const buttons = html`<div class="pair">${button({ label: say('consent.deny'), kind: 'quiet', name: 'decision', value: 'deny' })}${button(
      { label: say('consent.allow'), name: 'decision', value: 'allow' },
    )}</div>`
    const another = html`<span>${say('consent.signed_in_as', { email })}</span> <button class="link" name="decision" value="another">${say('consent.another')}</button>`
    return {
      title: say('consent.title', { application: asking.name, brand: brand.name }),
      lead: whereOf(view, asking),
      content: html`${asking.redirect_host === null ? note({ kind: 'warn', text: say('consent.on_this_computer') }) : null}
${itemList([...asked.map(scope => itemOf(view, scope, null)), ...granted.map(scope => itemOf(view, scope, badge({ kind: 'plain', text: say('consent.granted_before') })))])}
${form(view, { action: '/consent', hidden: { request: sealed }, content: [buttons, html`<p class="muted small center">${another}</p>`] })}`,
      form_targets: asking.form_targets,
    }
  }

const whereOf = ({ say }: View, { redirect_host, client_host }: Asking): Html => {
  if (redirect_host === null) return say('consent.opens_here')
  const opened = html`<strong>${redirect_host}</strong>`
  return client_host === null || client_host === redirect_host
    ? say('consent.opens_at', { host: opened })
    : say('consent.run_by', { owner: html`<strong>${client_host}</strong>`, host: opened })
}

/** The scopes that everyone's pages have words for. */
const KNOWN: Readonly<Record<string, Icon>> = {
  openid: 'shield',
  profile: 'user',
  email: 'mail',
  offline_access: 'clock',
}

const itemOf = ({ say }: View, scope: string, granted: Html | null) => {
  const around = granted === null ? {} : { badge: granted }
  switch (scope) {
    case 'openid':
      return {
        icon: KNOWN[scope] ?? 'shield',
        label: say('consent.openid'),
        detail: say('consent.openid_detail'),
        ...around,
      }
    case 'profile':
      return {
        icon: KNOWN[scope] ?? 'shield',
        label: say('consent.profile'),
        detail: say('consent.profile_detail'),
        ...around,
      }
    case 'email':
      return { icon: KNOWN[scope] ?? 'shield', label: say('consent.email'), ...around }
    case 'offline_access':
      return {
        icon: KNOWN[scope] ?? 'shield',
        label: say('consent.offline'),
        detail: say('consent.offline_detail'),
        ...around,
      }
    default:
      return { icon: 'key' as const, label: scope, ...around }
  }
}
