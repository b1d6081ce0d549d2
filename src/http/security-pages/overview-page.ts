import type { AcceptedPasskeys, Passkey } from '../../domain/factors/passkey.ts'
import type { SecurityOf } from '../../flows/factors/own-security.ts'
import type { OwnIdentity } from '../../flows/factors/own-ways.ts'
import { accountSheet, agoOf, card, dayOf, type Frame } from '../account-pages/frame.ts'
import { linkButton, status } from '../account-pages/parts.ts'
import { attributes, type Html, html } from '../layout/html.ts'
import type { Page, View } from '../layout/layout.ts'
import { badge, itemList } from '../layout/parts.ts'
import { identitiesCard } from './identity-pages.ts'
import { passkeyPath } from './parts.ts'

/** What the page says of a change that has just been made. */
export type Done = 'changed' | 'renamed' | 'linked'

type Overview = Readonly<{
  frame: Frame
  security: SecurityOf
  identities: readonly OwnIdentity[]
  /** What the browser is told of the passkeys that there are. */
  accepted: AcceptedPasskeys
  /** False on a server that sends no mail. */
  isResetOffered: boolean
  done: Done | null
  now: Date
}>

/** How the person signs in: the password, the passkeys, the authenticator application, the recovery codes. */
export const overviewPage =
  (given: Overview): Page =>
  view => {
    const cards = html`${doneOf(view, given.done)}
${passwordCard(view, given)}
${passkeysCard(view, given)}
${identitiesCard(view, given.identities)}
${twoStepCard(view, given)}`
    return accountSheet(view, { frame: given.frame, tab: 'security', cards })
  }

const doneOf = ({ say }: View, done: Done | null): Html | null => {
  switch (done) {
    case null:
      return null
    case 'changed':
      return status(say('security.changed'))
    case 'renamed':
      return status(say('security.renamed'))
    case 'linked':
      return status(say('upstream.linked'))
  }
}

const passwordCard = (view: View, { security, isResetOffered }: Overview): Html => {
  const { say } = view
  const title = say('security.password_title')
  if (security.hasPassword) {
    const tools = linkButton(view, {
      path: '/account/security/password',
      label: say('security.password_change'),
    })
    return card({ title, tools, content: html`<p class="muted">${say('security.password_help')}</p>` })
  }
  if (!isResetOffered)
    return card({ title, content: html`<p class="muted">${say('security.password_none_no_mail')}</p>` })
  const tools = linkButton(view, { path: '/forgot-password', label: say('security.password_by_mail') })
  return card({ title, tools, content: html`<p class="muted">${say('security.password_none')}</p>` })
}

const passkeysCard = (view: View, { security, accepted, now }: Overview): Html => {
  const { say } = view
  const tools = linkButton(view, { path: '/account/security/passkeys', label: say('security.passkey_add') })
  const items = security.passkeys.map(passkey => passkeyItem(view, passkey, now))
  const all = { class: 'muted', 'data-accepted': JSON.stringify(accepted) }
  const content = html`<p${attributes(all)}>${say('security.passkeys_help')}</p>
${items.length === 0 ? null : itemList(items)}`
  return card({ title: say('security.passkeys_title'), tools, content })
}

const passkeyItem = (view: View, { id, label, created_at, last_used_at }: Passkey, now: Date) => {
  const { say, language } = view
  const added = say('security.added', { when: dayOf(language, created_at) })
  const used =
    last_used_at === null
      ? say('security.unused')
      : say('security.used', { when: agoOf(language, { date: last_used_at, now }) })
  const rename = { path: passkeyPath(id), label: say('security.rename') }
  const remove = { path: `${passkeyPath(id)}/remove`, label: say('security.remove') }
  return {
    icon: 'key' as const,
    label,
    detail: html`${added} · ${used}`,
    action: html`<div class="actions">${linkButton(view, rename)}${linkButton(view, remove)}</div>`,
  }
}

const twoStepCard = (view: View, { security }: Overview): Html => {
  const { say } = view
  const isOn = security.totp !== null || security.passkeys.length > 0
  const state = isOn
    ? badge({ kind: 'good', text: say('security.on') })
    : badge({ kind: 'plain', text: say('security.off') })
  const items = [appItem(view, security), ...(isOn ? [codesItem(view, security)] : [])]
  const content = html`<p class="muted">${say('security.two_step_help')}</p>
${itemList(items)}`
  return card({ title: say('security.two_step_title'), tools: state, content })
}

const appItem = (view: View, { totp }: SecurityOf) => {
  const { say, language } = view
  const isThere = totp !== null
  return {
    icon: 'phone' as const,
    label: say('security.app'),
    detail: isThere
      ? say('security.added', { when: dayOf(language, totp.created_at) })
      : say('security.app_none'),
    action: isThere
      ? linkButton(view, { path: '/account/security/authenticator/remove', label: say('security.remove') })
      : linkButton(view, { path: '/account/security/authenticator', label: say('security.app_add') }),
  }
}

const codesItem = (view: View, { recovery_codes }: SecurityOf) => {
  const { say } = view
  return {
    icon: 'shield' as const,
    label: say('security.codes'),
    detail:
      recovery_codes === 0
        ? say('security.codes_none')
        : say('security.codes_left', { count: recovery_codes }),
    action: linkButton(view, {
      path: '/account/security/recovery-codes',
      label: say('security.codes_renew'),
    }),
  }
}
