import { type Html, html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { badge } from '../layout/parts.ts'
import type { AccountShown, ConsentShown, EventShown, SignInShown } from './answers.ts'
import { eventTable } from './event-table.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import {
  accountPath,
  actionLinks,
  clientPath,
  facts,
  link,
  mono,
  NONE,
  section,
  shown,
  stateBadge,
  table,
  textOr,
  titleOf,
  when,
  withdrawPath,
} from './parts.ts'
import { signInTable } from './sign-in-table.ts'

type OfPerson = Readonly<{
  account: AccountShown
  /** Each null where this server does not offer the list. */
  signIns: readonly SignInShown[] | null
  consents: readonly ConsentShown[] | null
  events: readonly EventShown[] | null
}>

/** Everything of one person, and what can be done for them. */
export const accountPage = (frame: ConsoleFrame, { account, signIns, consents, events }: OfPerson): Page => {
  const { sub, email, disabled_at } = account
  return consolePage(frame, {
    title: shown(email),
    lead: html`${disabled_at === null ? stateBadge('enabled') : stateBadge('disabled')} ${account.email_verified ? badge({ kind: 'good', text: 'e-mail confirmed' }) : badge({ kind: 'warn', text: 'e-mail not confirmed' })}`,
    tab: 'accounts',
    content: html`${frame.isAdmin ? actionsOf(account) : null}
<div class="grid plots">
${section({ title: 'Account', tools: link(`${accountPath(sub)}/export`, 'Export the data'), content: facts(factsOf(account)) })}
${section({ title: 'Ways to sign in', content: factorsOf(account) })}
</div>
${section({ title: 'Sign-ins', tools: link(`/console/sign-ins?sub=${encodeURIComponent(sub)}`, 'All sign-ins'), content: signIns === null ? ABSENT : signInTable(signIns, { label: 'Sign-ins of this account', empty: 'No sign-in.', isOfOneAccount: true }) })}
${section({ title: 'Consents', content: consents === null ? ABSENT : consentTable(consents, frame.isAdmin ? sub : null) })}
${section({ title: 'Events', tools: link(`/console/events?sub=${encodeURIComponent(sub)}`, 'All events'), content: events === null ? ABSENT : eventTable(events) })}`,
  })
}

const ABSENT = html`<p class="muted">This server does not offer this.</p>`

const actionsOf = ({ sub, disabled_at }: AccountShown): Html => {
  const path = accountPath(sub)
  return actionLinks([
    { path: `${path}/change`, label: 'Change' },
    disabled_at === null
      ? { path: `${path}/disable`, label: 'Disable' }
      : { path: `${path}/enable`, label: 'Enable' },
    { path: `${path}/end-sign-ins`, label: 'End every sign-in' },
    { path: `${path}/remove-factors`, label: 'Remove second factors', isDangerous: true },
    { path: `${path}/delete`, label: 'Delete', isDangerous: true },
  ])
}

const factsOf = (account: AccountShown): readonly (readonly [string, Html])[] => [
  ['sub', mono(account.sub)],
  ['Roles', textOr(account.roles.join(' '))],
  ['External id', textOr(account.external_id)],
  ['Created (UTC)', when(account.created_at)],
  ...(account.disabled_at === null ? [] : [['Disabled (UTC)', when(account.disabled_at)] as const]),
  ...Object.entries(account.profile)
    .filter(([, value]) => typeof value === 'string' && value !== '')
    .map(([name, value]) => [titleOf(name), textOr(String(value))] as const),
  ['Living sign-ins', livingOf(account.living_sign_ins)],
]

/** The API counts a hundred at most. */
const livingOf = (count: number | null): Html => {
  if (count === null) return NONE
  return html`${count > 100 ? 'more than 100' : count}`
}

const factorsOf = ({ factors, identities }: AccountShown): Html =>
  facts([
    ['Authenticator application', html`${factors.totp ? 'yes' : 'no'}`],
    ['Recovery codes left', html`${factors.recovery_codes_left}`],
    ...factors.passkeys.map(
      ({ name, created_at, last_used_at }) =>
        [
          'Passkey',
          html`${shown(name ?? 'without a name')} <span class="muted small">since ${when(created_at)}, last used ${when(last_used_at)}</span>`,
        ] as const,
    ),
    ...(factors.passkeys.length === 0 ? [['Passkeys', html`none`] as const] : []),
    ...identities.map(
      ({ upstream, label, linked_at }) =>
        [
          'At another provider',
          html`${shown(label ?? upstream ?? '')} <span class="muted small">linked ${when(linked_at)}</span>`,
        ] as const,
    ),
  ])

/** `sub`: of the account whose consents may be withdrawn; null for a viewer. */
const consentTable = (consents: readonly ConsentShown[], sub: string | null): Html =>
  table({
    label: 'Consents of this account',
    head: ['Client', 'Scope, and for which resource', 'Given (UTC)', ...(sub === null ? [] : ['Actions'])],
    rows: consents.map(({ client_id, granted, granted_at }) => [
      link(clientPath(client_id), shown(client_id)),
      html`${granted.map((each, index) => (index === 0 ? textOr(each) : html`<br>${textOr(each)}`))}`,
      when(granted_at),
      ...(sub === null
        ? []
        : [actionLinks([{ path: withdrawPath(sub, client_id), label: 'Withdraw', isDangerous: true }])]),
    ]),
    empty: 'Nothing was granted to a client.',
  })
