import { connectedUpstreams } from '../../domain/account/ways-in.ts'
import type { OwnIdentity } from '../../flows/factors/own-ways.ts'
import { accountSheet, card, dayOf, type Frame } from '../account-pages/frame.ts'
import { actions, linkButton } from '../account-pages/parts.ts'
import { type Html, html } from '../layout/html.ts'
import { inLanguage, type Page, type UpstreamOffer, type View } from '../layout/layout.ts'
import { button, form, itemList, note } from '../layout/parts.ts'
import { iconOf } from '../layout/upstream-buttons.ts'
import { backLink, SECURITY_PATH } from './parts.ts'

/** Where an identity is removed, and where one of a provider is added. */
export const identityPath = (id: string): string => `${SECURITY_PATH}/identities/${id}`
export const addingPath = (upstream: string): string => `${SECURITY_PATH}/upstream/${upstream}`

/** The identities of the person at other providers, and the providers where they may get one; nothing where there are neither. */
export const identitiesCard = (view: View, identities: readonly OwnIdentity[]): Html | null => {
  const { say, language, upstreams } = view
  if (identities.length === 0 && upstreams.length === 0) return null
  const items = identities.map(({ id, label, email, created_at }) => {
    const added = say('security.added', { when: dayOf(language, created_at) })
    return {
      icon: 'user' as const,
      label,
      detail: email === null ? added : html`${email} · ${added}`,
      action: linkButton(view, { path: identityPath(id), label: say('security.remove') }),
    }
  })
  const connected = connectedUpstreams({ identities })
  const adding = upstreams.flatMap(({ id, label }) =>
    connected.has(id)
      ? []
      : [linkButton(view, { path: addingPath(id), label: say('upstream.add', { provider: label }) })],
  )
  const content = html`<p class="muted">${say('upstream.card_help')}</p>
${items.length === 0 ? null : itemList(items)}
${adding.length === 0 ? null : actions(...adding)}`
  return card({ title: say('upstream.card_title'), content })
}

type Adding = Readonly<{ frame: Frame; upstream: UpstreamOffer }>

/** What it means to add an identity, before the person is sent to the provider. */
export const addingPage =
  ({ frame, upstream }: Adding): Page =>
  view => {
    const { say } = view
    const { id, label: provider, form_origins } = upstream
    const path = addingPath(id)
    const go = html`<button data-busy="${say('upstream.busy')}">${iconOf(upstream)}<span>${say('upstream.button', { provider })}</span></button>`
    const content = html`<p class="muted">${say('upstream.add_help', { provider })}</p>
${form(view, { action: path, hidden: { request: frame.sealed }, content: actions(go, backLink(view)) })}`
    const title = say('upstream.add', { provider })
    return {
      ...accountSheet(view, { frame, tab: 'security', cards: card({ title, content }) }),
      form_targets: form_origins,
      addressIn: language => inLanguage(path, language),
    }
  }

type Removing = Readonly<{ frame: Frame; identity: OwnIdentity; isOnlyWay: boolean }>

/** What it means to remove an identity, before it is done. The only way to sign in stays. */
export const identityRemovalPage =
  ({ frame, identity, isOnlyWay }: Removing): Page =>
  view => {
    const { say } = view
    const path = identityPath(identity.id)
    const remove = button({
      label: say('security.remove'),
      busy: say('security.remove_busy'),
      kind: 'danger',
    })
    const content = isOnlyWay
      ? html`${note({ kind: 'warn', text: say('upstream.remove_only_way') })}
${actions(backLink(view))}`
      : html`<p class="muted">${say('upstream.remove_help', { provider: identity.label })}</p>
${form(view, { action: path, hidden: { request: frame.sealed }, content: actions(remove, backLink(view)) })}`
    const title = say('upstream.remove', { provider: identity.label })
    return {
      ...accountSheet(view, { frame, tab: 'security', cards: card({ title, content }) }),
      addressIn: language => inLanguage(path, language),
    }
  }
