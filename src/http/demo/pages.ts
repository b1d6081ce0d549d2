import { type Html, html } from '../layout/html.ts'
import type { Page, View } from '../layout/layout.ts'
import { button, form, itemList, note } from '../layout/parts.ts'
import type { SignedInVisit } from './visits.ts'

type Entry = Readonly<{
  /** Of the demo account. */
  email: string
  /** The `error` of the last try; null where there was none. */
  error: string | null
}>

/** What the demo application is, and the button that begins. */
export const demoEntryPage =
  ({ email, error }: Entry): Page =>
  view => {
    const { say, brand } = view
    const steps = itemList([
      { icon: 'user', label: say('demo.who', { email }), detail: say('demo.who_detail') },
      { icon: 'shield', label: say('demo.consent'), detail: say('demo.consent_detail') },
      { icon: 'key', label: say('demo.tokens'), detail: say('demo.tokens_detail') },
    ])
    return {
      shell: 'stay',
      title: say('demo.title'),
      lead: say('demo.help', { brand: brand.name }),
      content: html`${error === null ? null : note({ kind: 'warn', text: say('demo.refused', { error: html`<code>${error}</code>` }) })}
<section class="card">
${steps}
${form(view, {
  action: '/demo/sign-in',
  content: button({ label: say('demo.button', { brand: brand.name }), busy: say('demo.busy') }),
})}
</section>`,
    }
  }

/** The tokens of a person who has signed in: decoded, and the refresh token by its beginning alone. */
export const demoTokensPage =
  ({ tokens, refreshed }: SignedInVisit): Page =>
  view => {
    const { say } = view
    const { id_token = '', access_token, refresh_token = '' } = tokens
    return {
      shell: 'stay',
      title: say('demo.done_title'),
      lead: say('demo.done_help'),
      content: html`${refreshNote(view, refreshed)}
${tokenCard(view, { title: say('demo.id_token'), help: say('demo.id_token_help'), jwt: id_token })}
${tokenCard(view, { title: say('demo.access_token'), help: say('demo.access_token_help'), jwt: access_token })}
<section class="card">
<div class="lead"><h2>${say('demo.refresh_token')}</h2><p class="muted small">${say('demo.refresh_token_help')}</p></div>
<code>${shortened(refresh_token)}</code>
<div class="pair">${refresh_token === '' ? null : refreshForm(view)}${signOutForm(view)}</div>
</section>`,
    }
  }

const refreshNote = ({ say }: View, refreshed: SignedInVisit['refreshed']): Html | null => {
  if (refreshed === null) return null
  if (refreshed === 'done') return note({ kind: 'good', text: say('demo.refreshed') })
  const error = html`<code>${refreshed.error}</code>`
  return note({ kind: 'warn', text: say('demo.not_refreshed', { error }) })
}

const refreshForm = (view: View): Html =>
  form(view, {
    action: '/demo/refresh',
    content: button({ label: view.say('demo.refresh'), busy: view.say('demo.refresh_busy') }),
  })

const signOutForm = (view: View): Html =>
  form(view, {
    action: '/demo/sign-out',
    content: button({
      label: view.say('demo.sign_out'),
      busy: view.say('demo.sign_out_busy'),
      kind: 'quiet',
    }),
  })

type Shown = Readonly<{ title: Html; help: Html; jwt: string }>

const tokenCard = ({ say }: View, { title, help, jwt }: Shown): Html => {
  const [header = '', payload = ''] = jwt.split('.')
  return html`<section class="card">
<div class="lead"><h2>${title}</h2><p class="muted small">${help}</p></div>
<table class="claims">
<thead><tr><th scope="col">${say('demo.claim')}</th><th scope="col">${say('demo.value')}</th></tr></thead>
<tbody>${Object.entries(membersOf(payload)).map(([name, value]) => row(html`<code>${name}</code>`, valueOf(name, value)))}
${row(say('demo.header'), html`<code>${JSON.stringify(membersOf(header))}</code>`)}</tbody>
</table>
</section>`
}

const row = (name: Html, value: Html): Html => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`

/** RFC 7519 §4.1, OpenID Connect Core §2, §5.1 – The claims that are seconds since 1970. */
const TIMES: ReadonlySet<string> = new Set(['exp', 'iat', 'nbf', 'auth_time', 'updated_at'])

const valueOf = (name: string, value: unknown): Html => {
  const text = html`<code>${typeof value === 'string' ? value : JSON.stringify(value)}</code>`
  if (!TIMES.has(name) || typeof value !== 'number') return text
  const at = `${new Date(value * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`
  return html`${text} <span class="muted small">${at}</span>`
}

/** RFC 7515 §3.1 – A part of a JWS, decoded. Who signed it is not judged here. */
const membersOf = (part: string): Readonly<Record<string, unknown>> => {
  const value: unknown = part === '' ? {} : JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

const SHOWN_CHARACTERS = 18

const shortened = (token: string): string => (token === '' ? '–' : `${token.slice(0, SHOWN_CHARACTERS)}…`)
