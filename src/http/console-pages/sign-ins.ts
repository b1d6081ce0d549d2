import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import type { SignInShown } from './answers.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import { nextPage } from './parts.ts'
import { signInTable } from './sign-in-table.ts'

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
${signInTable(items, { label: 'Sign-ins', empty: 'No sign-in matches.', isOfOneAccount: false })}
${nextPage('/console/sign-ins', query, next)}
</section>`,
  })
