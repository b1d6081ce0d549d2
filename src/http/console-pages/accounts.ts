import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { badge } from '../layout/parts.ts'
import type { ListedAccount } from './answers.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import {
  accountPath,
  actionLinks,
  link,
  mono,
  nextPage,
  shown,
  stateBadge,
  table,
  textOr,
  when,
} from './parts.ts'

type Accounts = Readonly<{
  query: Readonly<Record<string, string>>
  accounts: Readonly<{ items: readonly ListedAccount[]; next: string | null }>
}>

/** The accounts, by e-mail where one is looked for, else by their ids. */
export const accountsPage = (frame: ConsoleFrame, { query, accounts: { items, next } }: Accounts): Page =>
  consolePage(frame, {
    title: 'Accounts',
    tab: 'accounts',
    content: html`${frame.isAdmin ? actionLinks([{ path: '/console/accounts/new', label: 'New account' }]) : null}
<section class="card">
<form class="filter" action="/console/accounts">
<label>E-mail begins with <input name="email_prefix" type="search" maxlength="200" value="${query['email_prefix'] ?? ''}"></label>
<label>or the role <select name="role">${options(query['role'], [
      ['', 'any'],
      ['signet:admin', 'signet:admin'],
      ['signet:viewer', 'signet:viewer'],
    ])}</select></label>
<label>or the state <select name="disabled">${options(query['disabled'], [
      ['', 'any'],
      ['true', 'disabled'],
    ])}</select></label>
<button class="quiet slim">Show</button>
</form>
${table({
  label: 'Accounts',
  head: ['E-mail', 'State', 'Roles', 'Created (UTC)', 'External id', 'sub'],
  rows: items.map(account => [
    link(accountPath(account.sub), shown(account.email)),
    account.disabled_at === null
      ? account.email_verified
        ? stateBadge('enabled')
        : badge({ kind: 'warn', text: 'e-mail not confirmed' })
      : stateBadge('disabled'),
    textOr(account.roles.join(' ')),
    when(account.created_at),
    textOr(account.external_id),
    mono(account.sub),
  ]),
  empty: 'No account matches.',
})}
${nextPage('/console/accounts', query, next)}
</section>`,
  })

const options = (chosen: string | undefined, all: readonly (readonly [value: string, label: string])[]) =>
  all.map(
    ([value, label]) =>
      html`<option value="${value}"${value === (chosen ?? '') ? html` selected` : null}>${label}</option>`,
  )
