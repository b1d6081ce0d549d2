import { html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { button, note } from '../layout/parts.ts'
import type { AccountShown } from './answers.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import { accountPath, commands, link, quoted, shown } from './parts.ts'

type FormFault = Readonly<{ pointer: string; detail: string }>

type Filled = Readonly<{
  /** Null for a new one. */
  account: AccountShown | null
  etag: string | null
  given: Readonly<Record<string, string>>
  faults: readonly FormFault[]
  /** Why the form was refused; absent at first. */
  title?: string
}>

/** A new account, or a change of one. */
export const accountFormPage = (
  frame: ConsoleFrame,
  { account, etag, given, faults, title }: Filled,
): Page => {
  const action = account === null ? '/console/accounts/new' : `${accountPath(account.sub)}/change`
  const fieldOf = createFieldOf({ given, faults })
  const fields =
    account === null
      ? html`${fieldOf('email', 'E-mail', { type: 'email', isRequired: true })}${fieldOf('name', 'Name', {})}${fieldOf('roles', 'Roles', { hint: 'Separated by spaces. Empty: those of every new account.' })}`
      : html`${fieldOf('roles', 'Roles', { hint: 'Separated by spaces. They replace the roles of the account.' })}${fieldOf('external_id', 'External id', { hint: 'The id of the account in another system. Empty: none.' })}`
  return consolePage(frame, {
    title: account === null ? 'New account' : 'Change this account',
    lead:
      account === null
        ? 'The person gets a password by an invitation, or by “Forgot it?” on the sign-in page.'
        : shown(account.email),
    tab: 'accounts',
    content: html`${title === undefined ? null : html`<div role="alert">${note({ kind: 'bad', text: title })}</div>`}
<section class="card">
<form method="post" action="${action}">
<input type="hidden" name="request" value="${frame.sealed}">
${etag === null ? null : html`<input type="hidden" name="etag" value="${etag}">`}
${fields}
${box(given, 'email_verified', 'The e-mail address is confirmed')}
${account === null ? box(given, 'invite', 'Mail an invitation to this address') : null}
<div class="actions">${button({ label: account === null ? 'Create the account' : 'Change the account' })}<span class="back">${link(account === null ? '/console/accounts' : accountPath(account.sub), 'Back, without a change')}</span></div>
</form>
${commands({ console_url: frame.console_url, ...byHand(account, given) })}
</section>`,
  })
}

/** The request of the form for the command line. An empty form is shown with an example. */
const byHand = (account: AccountShown | null, given: Filled['given']) => {
  const roles = (given['roles'] ?? '').split(/\s+/).filter(Boolean)
  if (account !== null)
    return {
      method: 'PATCH',
      path: `/admin/accounts/${encodeURIComponent(account.sub)}`,
      body: { roles },
      signetd: `signetd accounts set-roles ${[account.sub, ...roles].map(quoted).join(' ')}`,
    }
  const email = given['email'] ?? 'ada@example.com'
  return {
    method: 'POST',
    path: '/admin/accounts',
    body: roles.length === 0 ? { email } : { email, roles },
    signetd: `signetd accounts create ${quoted(email)}`,
  }
}

type FieldMore = Readonly<{ type?: string; isRequired?: boolean; hint?: string }>

/** A field of a form of the console, with what the API says of it. */
export const createFieldOf =
  ({ given, faults }: Pick<Filled, 'given' | 'faults'>) =>
  (name: string, label: string, { type = 'text', isRequired = false, hint }: FieldMore) => {
    const fault = faults.find(({ pointer }) => pointer.replace(/^#?\//, '').split('/')[0] === name)
    const described = [hint === undefined ? '' : `${name}-hint`, fault === undefined ? '' : `${name}-fault`]
      .filter(Boolean)
      .join(' ')
    return html`<div class="field"><label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" autocomplete="off" value="${given[name] ?? ''}"${isRequired ? html` required` : null}${fault === undefined ? null : html` aria-invalid="true"`}${described === '' ? null : html` aria-describedby="${described}"`}>
${hint === undefined ? null : html`<span class="hint" id="${name}-hint">${hint}</span>`}
${fault === undefined ? null : html`<span class="fault" id="${name}-fault">${fault.detail}</span>`}
</div>`
  }

const box = (given: Readonly<Record<string, string>>, name: string, label: string) =>
  html`<label class="box"><input type="checkbox" name="${name}" value="yes"${given[name] === undefined ? null : html` checked`}> ${label}</label>`
