import type { ScopeAsked } from '../../domain/authorization/consent.ts'
import type { ScopeCatalogue } from '../../domain/authorization/scope-catalogue.ts'
import type { DocumentPart } from '../../domain/oauth/client.ts'
import { IDENTITY_SCOPES } from '../../domain/oauth/identity-claims.ts'
import { emblemOf } from '../layout/brand.ts'
import { attributes, type Html, html } from '../layout/html.ts'
import type { Page, View } from '../layout/layout.ts'
import { badge, button, form, itemList, note } from '../layout/parts.ts'
import { scopeWords } from '../layout/scope-words.ts'
import type { Asking } from './asking.ts'

type ConsentAsked = Readonly<{
  sealed: string
  asking: Asking
  email: string
  scopes: readonly ScopeAsked[]
  /** What has changed in the application since the person allowed something to it; undefined: nothing. */
  changes: readonly DocumentPart[] | undefined
  catalogue: ScopeCatalogue
  /** What the tokens are for; null stands for the account here. */
  resources: readonly (string | null)[]
  /** The path of the application's logo here; null: its initial is shown. */
  logo: string | null
}>

/**
 * OpenID Connect Core §3.1.2.4 – The client that asks, the scopes it asks for, and those granted before. Deny is as easy as Allow, and comes
 * first: the Enter key in a box presses the first button.
 */
export const consentPage =
  (asked: ConsentAsked): Page =>
  view => {
    const { say, brand } = view
    const { sealed, asking, scopes, email } = asked
    const title = say('consent.title', { application: asking.name, brand: brand.name })
    const buttons = html`<div class="pair">${button({ label: say('consent.deny'), kind: 'quiet', name: 'decision', value: 'deny' })}${button(
      { label: say('consent.allow'), name: 'decision', value: 'allow' },
    )}</div>`
    const another = html`<p class="muted small center"><span>${say('consent.signed_in_as', { email })}</span> <button class="link" name="decision" value="another">${say('consent.another')}</button></p>`
    const items = scopes.map((scope, index) => scopeItemOf(view, asked, { ...scope, id: `scope-${index}` }))
    return {
      title,
      sign: meeting(view, asked),
      isBrandInside: true,
      lead: whereOf(view, asking),
      content: html`${changesOf(view, asked)}${asking.redirect_host === null ? note({ kind: 'warn', text: say('consent.on_this_computer') }) : null}
${form(view, { action: '/consent', hidden: { request: sealed }, content: html`${itemList(items)}${smallPrint(view, asked)}${buttons}${another}` })}
<p class="muted small center">${say('consent.withdraw', { account_page: html`<a href="/account/applications">${say('consent.account_page')}</a>` })}</p>`,
      form_targets: asking.form_targets,
    }
  }

/** The words for each part of a description. */
const CHANGED = {
  name: 'consent.changed_name',
  redirect_uris: 'consent.changed_redirect_uris',
  keys: 'consent.changed_keys',
} as const satisfies Readonly<Record<DocumentPart, string>>

const changesOf = ({ say }: View, { changes }: ConsentAsked): Html | null => {
  if (changes === undefined) return null
  const [first, ...others] = changes.map(part => say(CHANGED[part]))
  const what =
    first === undefined
      ? say('consent.changed_description')
      : html`${first}${others.map(each => html`, ${each}`)}`
  return note({ kind: 'warn', text: say('consent.changed', { what }) })
}

/** The application's emblem and that of the brand. */
const meeting = ({ brand }: View, { asking, logo }: ConsentAsked): Html =>
  html`<div class="meet" aria-hidden="true">${
    logo === null
      ? html`<span>${(Array.from(asking.name)[0] ?? '').toUpperCase()}</span>`
      : html`<img src="${logo}" alt="">`
  }<i></i>${emblemOf(brand)}</div>`

const whereOf = ({ say }: View, { redirect_host, client_host }: Asking): Html => {
  const owner = html`<strong>${client_host}</strong>`
  const host = html`<strong>${redirect_host}</strong>`
  if (redirect_host === null)
    return client_host === null ? say('consent.opens_here') : say('consent.run_by_here', { owner })
  return client_host === null || client_host === redirect_host
    ? say('consent.opens_at', { host })
    : say('consent.run_by', { owner, host })
}

/** In a new tab: the request of this page would be lost on some of the ways back. */
const documentsOf = ({ say }: View, { policy_uri, tos_uri }: Asking): Html | null => {
  if (policy_uri === null && tos_uri === null) return null
  const link = (uri: string, text: Html) =>
    html`<a href="${uri}" target="_blank" rel="noopener noreferrer">${text}</a>`
  const links = [
    ...(policy_uri === null ? [] : [link(policy_uri, say('consent.policy'))]),
    ...(tos_uri === null ? [] : [link(tos_uri, say('consent.terms'))]),
  ]
  return html`${links.map((each, index) => html`${index === 0 ? '' : ' · '}${each}`)}`
}

type Shown = ScopeAsked & Readonly<{ id: string }>

export const scopeItemOf = (
  view: View,
  { catalogue }: Pick<ConsentAsked, 'catalogue'>,
  { scope, id, isTicked, isGrantedBefore }: Shown,
) => {
  const { icon, title, description } = scopeWords(view, scope, catalogue)
  const granted = badge({ kind: 'plain', text: view.say('consent.granted_before') })
  return {
    icon,
    label: isTicked === null ? title : html`<label for="${id}">${title}</label>`,
    ...(description === null ? {} : { detail: description }),
    ...(isGrantedBefore ? { badge: granted } : {}),
    ...(isTicked === null ? {} : { action: boxOf({ id, scope, isTicked }) }),
  }
}

const boxOf = ({ id, scope, isTicked }: Readonly<{ id: string; scope: string; isTicked: boolean }>): Html =>
  html`<input${attributes({ type: 'checkbox', id, name: 'scope', value: scope, checked: isTicked })}>`

/** Where the permissions are used, that some can be left out, and what the application says of itself. */
const smallPrint = (view: View, { asking, scopes, resources }: ConsentAsked): Html | null => {
  const { say, brand } = view
  const isForResources = scopes.some(({ scope }) => !IDENTITY_SCOPES.includes(scope))
  const names = resources.map(
    each =>
      html`<strong>${each === null ? say('consent.account_here', { brand: brand.name }) : nameOf(each)}</strong>`,
  )
  const list = html`${names.map((name, index) => html`${index === 0 ? '' : ', '}${name}`)}`
  const documents = documentsOf(view, asking)
  const lines = [
    ...(isForResources && names.length > 0 ? [say('consent.used_at', { resources: list })] : []),
    ...(scopes.some(({ isTicked }) => isTicked !== null) ? [say('consent.choose')] : []),
    ...(documents === null ? [] : [documents]),
    ...(asking.contact === null
      ? []
      : [say('consent.contact', { contact: html`<strong>${asking.contact}</strong>` })]),
  ]
  return lines.length === 0
    ? null
    : html`<div class="lead muted small">${lines.map(line => html`<p>${line}</p>`)}</div>`
}

/** RFC 8707 §2 – The host and the path of a resource, which its operators are known by. */
const nameOf = (resource: string): string => {
  if (!URL.canParse(resource)) return resource
  const { host, pathname } = new URL(resource)
  return host === '' ? resource : `${host}${pathname.replace(/\/$/, '')}`
}
