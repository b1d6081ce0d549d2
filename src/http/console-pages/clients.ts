import { type Html, html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import { button, note } from '../layout/parts.ts'
import type { ClientShown } from './answers.ts'
import { type ChangesShown, changesSection } from './event-table.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import {
  actionLinks,
  clientPath,
  commands,
  facts,
  link,
  mono,
  nextPage,
  section,
  shown,
  stateBadge,
  table,
  textOr,
  when,
} from './parts.ts'

type Clients = Readonly<{ items: readonly ClientShown[]; next: string | null }>

/** The clients by their ids. */
export const clientsPage = (frame: ConsoleFrame, { items, next }: Clients): Page =>
  consolePage(frame, {
    title: 'Clients',
    tab: 'clients',
    content: html`${frame.isAdmin ? actionLinks([{ path: '/console/clients/new', label: 'New client' }]) : null}
<section class="card">
${table({
  label: 'Clients',
  head: ['Client', 'Name', 'State', 'Authentication', 'Scope', 'Changed (UTC)'],
  rows: items.map(client => [
    link(clientPath(client.client_id), shown(client.client_id)),
    textOr(client.registration.client_name),
    stateBadge(client.disabled_at === null ? 'enabled' : 'disabled'),
    textOr(client.registration.token_endpoint_auth_method),
    textOr(client.registration.scope),
    when(client.updated_at ?? client.created_at),
  ]),
  empty: 'No client is registered.',
})}
${nextPage('/console/clients', {}, next)}
</section>`,
  })

/** One client, with its whole registration, and who has changed it. */
export const clientPage = (
  frame: ConsoleFrame,
  { client, changes }: Readonly<{ client: ClientShown; changes: ChangesShown | null }>,
): Page => {
  const { client_id, disabled_at, source, secrets, registration } = client
  const path = clientPath(client_id)
  return consolePage(frame, {
    title: shown(registration.client_name ?? client_id),
    lead: stateBadge(disabled_at === null ? 'enabled' : 'disabled'),
    tab: 'clients',
    content: html`${
      frame.isAdmin && source === 'database'
        ? actionLinks([
            { path: `${path}/change`, label: 'Change' },
            ...(usesSecret(client) ? [{ path: `${path}/rotate-secret`, label: 'New secret' }] : []),
            disabled_at === null
              ? { path: `${path}/disable`, label: 'Disable' }
              : { path: `${path}/enable`, label: 'Enable' },
            { path: `${path}/end-everything`, label: 'End every sign-in', isDangerous: true },
            { path: `${path}/delete`, label: 'Delete', isDangerous: true },
          ])
        : null
    }
${section({
  title: 'The client',
  tools: html`<span>${link(`/console/sign-ins?client_id=${encodeURIComponent(client_id)}`, 'Its sign-ins')} · ${link(`/console/events?client_id=${encodeURIComponent(client_id)}`, 'Its events')}</span>`,
  content: facts(
    Object.entries({ ...client, ...registration, registration: null, secrets: secretTexts(secrets) })
      .filter(([, value]) => !isEmpty(value))
      .map(([name, value]) => [name, valueOf(value)] as const),
  ),
})}
${changes === null ? null : changesSection(changes)}`,
  })
}

const usesSecret = ({
  registration: { token_endpoint_auth_method: method },
  secrets,
}: ClientShown): boolean => secrets.length > 0 || method?.startsWith('client_secret') === true

const secretTexts = (secrets: ClientShown['secrets']): readonly string[] =>
  secrets.map(
    ({ is_former, last_used_at, expires_at }) =>
      `${is_former ? 'former' : 'present'}, ${last_used_at === null ? 'not used yet' : `last used ${last_used_at}`}${expires_at === null ? '' : `, until ${expires_at}`}`,
  )

const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)

const valueOf = (value: unknown): Html => {
  if (typeof value === 'string') return mono(value)
  if (Array.isArray(value) && value.every(each => typeof each === 'string'))
    return html`${value.map((each, index) => (index === 0 ? mono(each) : html`<br>${mono(each)}`))}`
  return mono(JSON.stringify(value))
}

type Filled = Readonly<{
  /** Null for a new one. */
  client_id: string | null
  etag: string | null
  /** JSON. */
  text: string
  faults: readonly Readonly<{ pointer: string; detail: string }>[]
  title?: string
}>

/** A client in the names of RFC 7591: the one form that can say everything that a registration may have. */
export const clientFormPage = (
  frame: ConsoleFrame,
  { client_id, etag, text, faults, title }: Filled,
): Page => {
  const path = client_id === null ? '/console/clients/new' : `${clientPath(client_id)}/change`
  const api = client_id === null ? '/admin/clients' : `/admin/clients/${encodeURIComponent(client_id)}`
  return consolePage(frame, {
    title: client_id === null ? 'New client' : 'Change this client',
    lead: client_id === null ? 'It can be used on every server within two seconds.' : shown(client_id),
    tab: 'clients',
    content: html`${title === undefined ? null : html`<div role="alert">${note({ kind: 'bad', text: title })}</div>`}
<section class="card">
<form method="post" action="${path}">
<input type="hidden" name="request" value="${frame.sealed}">
${etag === null ? null : html`<input type="hidden" name="etag" value="${etag}">`}
<div class="field"><label for="metadata">Registration, as a JSON object in the names of RFC 7591</label>
<textarea id="metadata" name="metadata" rows="18" spellcheck="false" autocomplete="off"${faults.length === 0 ? null : html` aria-invalid="true"`} aria-describedby="metadata-hint${faults.length === 0 ? '' : ' metadata-faults'}">
${text}</textarea>
<span class="hint" id="metadata-hint">The members are those of CLIENTS_FILE. A secret is made by the server and shown once.</span>
${faults.length === 0 ? null : html`<ul class="fault" id="metadata-faults">${faults.map(({ pointer, detail }) => html`<li><code>${shown(pointer)}</code> ${shown(detail)}</li>`)}</ul>`}
</div>
<div class="actions">${button({ label: client_id === null ? 'Create the client' : 'Change the client' })}<span class="back">${link(client_id === null ? '/console/clients' : clientPath(client_id), 'Back, without a change')}</span></div>
</form>
${commands({ console_url: frame.console_url, method: client_id === null ? 'POST' : 'PUT', path: api, file: 'client.json', signetd: client_id === null ? 'signetd clients add client.json --generate-secret' : 'signetd clients replace client.json' })}
</section>`,
  })
}

/** A secret, which is shown this once. */
export const secretPage = (
  frame: ConsoleFrame,
  { client_id, client_secret }: Readonly<{ client_id: string; client_secret: string }>,
): Page =>
  consolePage(frame, {
    title: 'The new secret',
    lead: 'Copy it now: it is kept as a digest, and never shown again.',
    tab: 'clients',
    content: section({
      title: shown(client_id),
      content: html`<p><code class="secret-key">${client_secret}</code></p><p>${link(clientPath(client_id), 'To the client')}</p>`,
    }),
  })
