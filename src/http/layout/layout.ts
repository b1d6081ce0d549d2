import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { directionOf, type Language } from '../../domain/base/language.ts'
import { type Brand, brandOf, brandStyle, ICON_PATH } from './brand.ts'
import { type Html, html, NOTHING } from './html.ts'
import { openTexts, PAGE_TEMPLATES, type Say, type Words } from './texts.ts'

/** What a page is written with. */
export type View = Readonly<{
  language: Language
  say: Say
  brand: Brand
  upstreams: readonly UpstreamOffer[]
}>

/** A provider at which people may sign in, as its button shows it. */
export type UpstreamOffer = Readonly<{
  id: string
  label: string
  /** Changes with the icon; null: it has none. */
  icon_version: string | null
  /** Where its button leads. */
  form_origins: readonly string[]
}>

/** A page: data to HTML. */
export type Page = (view: View) => Sheet

/** What a page says, without what all pages have. */
export type Sheet = Readonly<{
  title: Html | string
  /** The sentence below the title. */
  lead?: Html | string
  /** What comes below: inside the card of a gate, in cards of its own on a page to stay on. */
  content?: Html
  /** A page with one thing to do, or one to stay on. Default: a gate. */
  shell?: 'gate' | 'stay'
  /** Above the title. */
  sign?: Html
  /** True for a page that shows the brand inside its card. */
  isBrandInside?: true
  /** On the bar at the top of a page to stay on. */
  tools?: Html
  /** Above the title of a page to stay on: the way to its neighbours. */
  before?: Html
  /** True for a page to stay on that has tables and plots. */
  isWide?: true
  /** True for a page that refuses something: its title says so, and it has the reference of the log. */
  isFault?: boolean
  /** The address of the same page in another language, as a path of ours, for a page that answers a form. Without it, none is offered. */
  addressIn?: (language: Language) => string
  /** The origins and schemes to which the answer to a form of the page may redirect, beside our own. */
  form_targets?: readonly string[]
}>

type Request = Readonly<{
  language: Language
  /** The request id of the log. */
  reference: string
  /** Path and query of the page; null for an answer to a form, which has no address. */
  address: string | null
}>

type Rendered = Readonly<{ body: string; security_policy: string; shell: 'gate' | 'stay' }>

export type Pages = Readonly<{
  languages: readonly Language[]
  brand: Brand
  render: (page: Page, request: Request) => Rendered
}>

const asset = (name: string) => readFileSync(new URL(name, PAGE_TEMPLATES), 'utf8').replaceAll(COMMENTS, '')
const COMMENTS = /\/\*[\s\S]*?\*\//g

const sheetOf = (name: string) =>
  asset(name)
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/ ?([{};,>]) ?/g, '$1')
    .replaceAll(/: /g, ':')
    .trim()
const STYLE = sheetOf('style.css')
/** What the pages of the console have besides. */
const CONSOLE_STYLE = sheetOf('console.css')
const scriptOf = (name: string) => asset(name).replaceAll(/\n\s*/g, '\n').trim()
const SCRIPT = scriptOf('script.js')
/** What keeps the pages of the console up to date. */
const CONSOLE_SCRIPT = scriptOf('console.js')

/**
 * Ours (docs/decisions/0036) – Every page has its style and its script inside, allowed by their digests: one answer is a whole page, also
 * while two versions serve side by side, and no other file of this origin can be run as a script.
 */
export const openPages = (
  brand: Brand,
  own?: ReadonlyMap<Language, Words>,
  upstreams: () => readonly UpstreamOffer[] = () => [],
): Pages => {
  return openPagesIn({ style: brandStyle(brand) + STYLE, script: SCRIPT }, { brand, own, upstreams })
}

/** The same for the console, which has tables and plots, and a script that asks for what happens meanwhile. */
export const openConsolePages = (brand: Brand): Pages =>
  openPagesIn(
    {
      style: brandStyle(brand) + STYLE + CONSOLE_STYLE,
      script: `${SCRIPT}\n${CONSOLE_SCRIPT}`,
      connects: "; connect-src 'self'",
    },
    { brand, own: undefined, upstreams: () => [] },
  )

type Inside = Readonly<{ style: string; script: string; connects?: string }>

type Opening = Readonly<{
  brand: Brand
  own: ReadonlyMap<Language, Words> | undefined
  upstreams: () => readonly UpstreamOffer[]
}>

const openPagesIn = (inside: Inside, { brand, own, upstreams }: Opening): Pages => {
  const { languages, sayIn } = openTexts(own)
  const names = languages.map(language => ({ language, name: sayIn(language)('layout.language') }))
  const policyFor = policyOf(inside)
  return {
    languages,
    brand,
    render: (page, request) => {
      const view = { language: request.language, say: sayIn(request.language), brand, upstreams: upstreams() }
      const sheet = page(view)
      const { shell = 'gate', form_targets = [] } = sheet
      const body = wholePage({ sheet, view, request, ...inside, languages: names })
      return { body, security_policy: policyFor(form_targets), shell }
    },
  }
}

type LanguageName = Readonly<{ language: Language; name: Html }>

/** CSP Level 3 §2.3.1 – A source without what would end it, and without an IPv6 address, for which the grammar has no form. */
const SOURCE = /^(?:https?:\/\/[^\s;,'"[]+|[a-z][a-z\d+.-]*:)$/i

/** W3C CSP Level 3 – This style and this script, images and forms of here, and no frame around. */
const policyOf = ({ style, script, connects = '' }: Inside) => {
  const digestOf = (text: string) => `'sha256-${hash('sha256', text, 'base64')}'`
  const start = `default-src 'none'; style-src ${digestOf(style)}; script-src ${digestOf(script)}; img-src 'self'${connects}`
  return (form_targets: readonly string[]): string => {
    const wrong = form_targets.find(target => !SOURCE.test(target))
    if (wrong !== undefined) throw new Error(`not a source of a policy: ${wrong}`)
    const targets = ["'self'", ...form_targets].join(' ')
    return `${start}; form-action ${targets}; base-uri 'none'; frame-ancestors 'none'`
  }
}

type Whole = Readonly<{
  sheet: Sheet
  view: View
  request: Request
  style: string
  script: string
  languages: readonly LanguageName[]
}>

const wholePage = (whole: Whole): string => {
  const { sheet, view, request, style, script } = whole
  const { say, brand, language } = view
  const title = sheet.isFault ? say('layout.error_title', { title: html`${sheet.title}` }) : sheet.title
  return html`<!doctype html>
<html lang="${language}" dir="${directionOf(language)}"${request.address === null ? null : html` data-reload`}>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>${title} · ${brand.name}</title>
<link rel="icon" href="${ICON_PATH}">
<style>${{ html: style }}</style>
<body class="${sheet.shell ?? 'gate'}">
${sheet.shell === 'stay' ? stay(whole) : gate(whole)}
<script>${{ html: script }}</script>
</body>
</html>
`.html
}

const gate = (whole: Whole): Html => {
  const { content = NOTHING, isBrandInside = false } = whole.sheet
  return html`<main>
${isBrandInside ? null : brandOf(whole.view.brand)}
<div class="card">
${head(whole.sheet)}
${content}
</div>
</main>
${footer(whole)}`
}

const stay = (whole: Whole): Html => {
  const { content = NOTHING, tools = NOTHING, before = NOTHING, isWide } = whole.sheet
  return html`<header class="top">${brandOf(whole.view.brand)}${tools}</header>
<main${isWide ? html` class="wide"` : null}>
${before}
${head(whole.sheet)}
${content}
</main>
${footer(whole)}`
}

const head = ({ title, lead = NOTHING, sign = NOTHING }: Sheet): Html =>
  html`<div class="lead">${sign}<h1>${title}</h1>${lead === NOTHING ? null : html`<p class="muted">${lead}</p>`}</div>`

const footer = ({ sheet, view: { say, brand, language }, request, languages }: Whole): Html => {
  const { terms_url, privacy_url, support_url } = brand
  const reference = html`<code>${request.reference}</code>`
  return html`<footer class="foot">
${sheet.isFault ? html`<span>${say('layout.reference', { reference })}</span>` : null}
${terms_url && html`<a href="${terms_url}">${say('layout.terms')}</a>`}
${privacy_url && html`<a href="${privacy_url}">${say('layout.privacy')}</a>`}
${support_url && html`<a href="${support_url}">${say('layout.support')}</a>`}
${others(addressOf(sheet, request), { languages, language })}
</footer>`
}

/** OpenID Connect Core §3.1.2.1 – The address of a page, in a language. */
export const inLanguage = (address: string, language: Language): string => {
  const { pathname, searchParams } = new URL(address, 'http://signet.invalid')
  searchParams.set('ui_locales', language)
  return `${pathname}?${searchParams.toString()}`
}

const addressOf = ({ addressIn }: Sheet, { address }: Request): Sheet['addressIn'] =>
  addressIn ?? (address === null ? undefined : language => inLanguage(address, language))

type Offer = Readonly<{ languages: readonly LanguageName[]; language: Language }>

const others = (addressIn: Sheet['addressIn'], { languages, language: own }: Offer): readonly Html[] =>
  addressIn === undefined
    ? []
    : languages
        .filter(({ language }) => language !== own)
        .map(
          ({ language, name }) =>
            html`<a href="${addressIn(language)}" lang="${language}" hreflang="${language}">${name}</a>`,
        )
