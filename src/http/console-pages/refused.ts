import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { note } from '../layout/parts.ts'
import { type ConsoleFrame, consolePage, targetsOf } from './frame.ts'

/** Answers a request under another host name than CONSOLE_URL's. */
export const wrongAddressPage =
  (console_url: string): Page =>
  () => ({
    title: 'The console has another address',
    lead: 'It answers at the address of CONSOLE_URL alone, so that no other name can lead a browser to it.',
    content: html`<p><a href="${console_url}/console">${console_url}/console</a></p>`,
  })

type SignedOut = Readonly<{
  issuer: string
  /** True where a form came from a person who was signed out. */
  isUnsaved: boolean
}>

/** Tells a person that they are signed out of the console. */
export const signedOutOfConsolePage =
  ({ issuer, isUnsaved }: SignedOut): Page =>
  () => ({
    title: 'You are signed out of the console',
    lead: isUnsaved
      ? 'Your sign-in had ended before the form arrived. Nothing was changed.'
      : 'Your sign-in to the console has ended.',
    content: html`<p><a class="button" href="/console">Sign in</a></p>
<p class="muted small">You may still be signed in to other applications. <a href="${issuer}/logout">Sign out everywhere in this browser</a></p>`,
  })

/** The sign-in brought nothing: the person may begin again. */
export const notSignedInPage =
  ({ error }: Readonly<{ error: string }>): Page =>
  () => ({
    isFault: true,
    title: 'The sign-in was not finished',
    lead: html`The server answered <code>${error}</code>.`,
    content: html`<p><a class="button" href="/console">Try again</a></p>`,
  })

/** A person whose account has neither role. */
export const notAdmittedPage =
  ({ email, sealed, issuer }: ConsoleFrame): Page =>
  () => ({
    title: 'This account does not administer Signet',
    lead: html`You are signed in as <strong>${email}</strong>. The console is for accounts with the role <code>signet:admin</code> or <code>signet:viewer</code>. An administrator can give you one.`,
    content: html`<form method="post" action="/console/sign-out">
<input type="hidden" name="request" value="${sealed}">
<button><span>Sign out of the console</span></button>
</form>`,
    form_targets: targetsOf(issuer),
  })

/** Answers for an address at which the console has no page. */
export const unknownAddressPage = (frame: ConsoleFrame): Page =>
  consolePage(frame, {
    title: 'There is no such page',
    lead: 'The console has no page at this address. Its tabs lead to those that it has.',
    tab: null,
    content: html`<p><a class="button" href="/console">Overview</a></p>`,
  })

type Refusal = Readonly<{
  status: number
  title: string
  errors: readonly Readonly<{ pointer: string; detail: string }>[]
  isAbsent: boolean
}>

/** What the API refuses, in its words. */
export const apiRefusedPage = (frame: ConsoleFrame, { title, errors, isAbsent, status }: Refusal): Page => {
  if (isAbsent)
    return consolePage(frame, {
      title: 'This server does not offer this',
      lead: 'Its administration API has no such route: it may run another version.',
      tab: null,
      content: html``,
    })
  const faults = errors.map(
    ({ pointer, detail }) => html`<li><code>${pointer.replace(/^#?\//, '')}</code> ${detail}</li>`,
  )
  return consolePage(frame, {
    title: status === 404 ? 'There is no such thing here' : 'This was refused',
    lead: status === 404 ? 'It may have been deleted.' : 'Nothing was changed.',
    tab: null,
    content: html`<div role="alert">${note({ kind: 'bad', text: title })}</div>
${faults.length === 0 ? null : html`<section class="card"><ul>${faults}</ul></section>`}`,
  })
}
