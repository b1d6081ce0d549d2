import { describeDevice } from '../../domain/base/user-agent.ts'
import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import type { SignInShown } from './answers.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import {
  accountPath,
  clientPath,
  link,
  mono,
  nextPage,
  shown,
  signInPath,
  stateBadge,
  table,
  when,
} from './parts.ts'

type SignIns = Readonly<{
  query: Readonly<Record<string, string>>
  signIns: Readonly<{ items: readonly SignInShown[]; next: string | null }>
}>

/** Sign-ins, the newest first. */
export const signInsPage = (frame: ConsoleFrame, { query, signIns: { items, next } }: SignIns): Page =>
  consolePage(frame, {
    title: 'Sign-ins',
    tab: 'sign-ins',
    content: html`<section class="card">
<form class="filter" action="/console/sign-ins">
<label>Client <input name="client_id" type="search" maxlength="200" value="${query['client_id'] ?? ''}"></label>
<label>Account (sub) <input name="sub" type="search" maxlength="64" value="${query['sub'] ?? ''}"></label>
<button class="quiet slim">Show</button>
</form>
${table({
  label: 'Sign-ins',
  head: ['Person', 'Client', 'State', 'Device', 'From', 'Since (UTC)', 'Last used (UTC)', 'More'],
  rows: items.map(signIn => [
    link(accountPath(signIn.sub), shown(signIn.email ?? signIn.sub)),
    link(clientPath(signIn.client_id), shown(signIn.client_id)),
    stateBadge(signIn.state),
    html`${describeDevice(signIn.user_agent)}`,
    mono(signIn.ip),
    when(signIn.created_at),
    when(signIn.last_used_at),
    link(signInPath(signIn.sid), 'Timeline'),
  ]),
  empty: 'No sign-in matches.',
})}
${nextPage('/console/sign-ins', query, next)}
</section>`,
  })
