import { type Html, html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { button, note } from '../layout/parts.ts'
import { type ConsoleFrame, consolePage, type Tab } from './frame.ts'
import { commands, link, shown } from './parts.ts'

type Confirmation = Readonly<{
  tab: Tab
  title: string
  /** Whom or what it is about. */
  about: string
  /** What will happen. */
  effect: string
  isFinal: boolean
  label: string
  /** Where the form goes, and where the person goes instead. */
  action: string
  back: string
  etag: string | null
  request: Readonly<{ method: string; path: string; body?: object | undefined }>
  signetd: string | null
}>

/** Asks before something is done, and says how it is done by hand. */
export const confirmPage = (frame: ConsoleFrame, asked: Confirmation): Page => {
  const { title, about, effect, isFinal, request, signetd, tab } = asked
  return consolePage(frame, {
    title,
    lead: shown(about),
    tab,
    content: html`<section class="card">
<p>${effect}</p>
${isFinal ? note({ kind: 'warn', text: 'This cannot be undone.' }) : null}
${frame.isAdmin ? form(frame, asked) : html`<p class="muted">An administrator can do this. ${link(asked.back, 'Back')}</p>`}
${commands({ console_url: frame.console_url, ...request, signetd })}
</section>`,
  })
}

const form = (frame: ConsoleFrame, { label, action, back, etag, isFinal }: Confirmation): Html =>
  html`<form method="post" action="${action}">
<input type="hidden" name="request" value="${frame.sealed}">
${etag === null ? null : html`<input type="hidden" name="etag" value="${etag}">`}
<div class="actions">${button({ label, kind: isFinal ? 'danger' : 'primary' })}<span class="back">${link(back, 'Back, without a change')}</span></div>
</form>`
