import { readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { type Language, STANDARD_LANGUAGE } from '../../domain/base/language.ts'
import { ACCOUNT_TEXTS } from './account-texts.ts'
import { DEMO_TEXTS } from './demo-texts.ts'
import { escapeHtml, type Html, html, type Part } from './html.ts'
import { ACCOUNT_DATA_TEXTS, ACCOUNT_EMAIL_TEXTS } from './own-account-texts.ts'
import { SECURITY_TEXTS } from './security-texts.ts'
import { SIGN_IN_TEXTS } from './sign-in-texts.ts'

/** Every text of the pages, and what it is filled with: one file a page. templates/pages has each in every language. */
export const TEXTS = {
  layout: {
    language: [],
    error_title: ['title'],
    faults: [],
    reference: ['reference'],
    terms: [],
    privacy: [],
    support: [],
    show_password: [],
    hide_password: [],
  },
  'confirm-email': {
    title: [],
    help: ['email'],
    button: [],
    busy: [],
    done_title: [],
    done_help: [],
    already_title: [],
    already_help: [],
  },
  'reset-password': {
    title: [],
    help: ['email'],
    new_password: [],
    hint: ['count'],
    button: [],
    busy: [],
    done_title: [],
    done_help: [],
    sign_in: [],
    too_short: ['count'],
    too_long: ['count'],
    unusable: [],
    common: [],
    guessable: [],
  },
  home: {
    lead: [],
    docs: [],
    metadata: [],
    keys: [],
  },
  ...SIGN_IN_TEXTS,
  'sign-out': {
    title: ['brand'],
    help: ['email'],
    asked_by: ['application', 'email'],
    stay: [],
    button: [],
    busy: [],
    done_title: [],
    done_help: [],
    again: [],
  },
  account: ACCOUNT_TEXTS,
  'account-data': ACCOUNT_DATA_TEXTS,
  'account-email': ACCOUNT_EMAIL_TEXTS,
  security: SECURITY_TEXTS,
  demo: DEMO_TEXTS,
  'form-post': {
    title: [],
    help: [],
    button: [],
  },
  refusal: {
    gone_title: [],
    gone_help: ['minutes'],
    request_title: [],
    request_help: [],
    expired_title: [],
    expired_help: [],
    browser_title: [],
    browser_help: [],
    restart: [],
    invitation_title: [],
    invitation_help: [],
    invitation_needed_title: [],
    invitation_needed_help: [],
    taken_title: [],
    taken_help: [],
    foreign_title: [],
    foreign_help: [],
    form_title: [],
    form_help: [],
    upstream_over_title: [],
    upstream_over_help: [],
    upstream_invalid_title: [],
    upstream_invalid_help: [],
    upstream_not_recent_title: [],
    upstream_not_recent_help: [],
    upstream_away_title: [],
    upstream_away_help: ['when'],
    upstream_stranger_title: [],
    upstream_stranger_help: [],
    upstream_taken_title: [],
    upstream_taken_help: [],
    upstream_last_title: [],
    upstream_last_help: [],
    wait_title: [],
    wait_help: ['when'],
    mail_off_title: [],
    mail_off_help: [],
    later_title: [],
    later_help: [],
    nowhere_title: [],
    nowhere_help: [],
    failed_title: [],
    failed_help: [],
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

type Files = typeof TEXTS
type File = keyof Files
export type TextKey = { [F in File]: `${F}.${keyof Files[F] & string}` }[File]

type NamesOf<K extends TextKey> = K extends `${infer F extends File}.${infer N}`
  ? N extends keyof Files[F]
    ? Files[F][N] extends readonly (infer V extends string)[]
      ? V
      : never
    : never
  : never

type Values<K extends TextKey> = [NamesOf<K>] extends [never]
  ? readonly []
  : readonly [values: Readonly<Record<NamesOf<K>, string | number | Html>>]

/** A text in the language of the page. What it is filled with is text too, unless it is Html itself. */
export type Say = <K extends TextKey>(key: K, ...values: Values<K>) => Html

export type Texts = Readonly<{ languages: readonly Language[]; sayIn: (language: Language) => Say }>

/** Three levels up from src/http/layout and from dist/http/layout alike. */
export const PAGE_TEMPLATES = new URL('../../../templates/pages/', import.meta.url)

/** A text between its gaps: text, name, text, name, text. The text is escaped already. */
type Pieces = readonly string[]

/** Texts by their keys, such as `sign-in.title`. */
export type Words = ReadonlyMap<string, Pieces>

/** The keys of each file, and the gaps of each text. */
const GAPS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = TEXTS

/** The languages that have every text: a folder each. The standard one comes first. */
export const COMPLETE_LANGUAGES: readonly Language[] = readdirSync(PAGE_TEMPLATES, { withFileTypes: true })
  .filter(entry => entry.isDirectory())
  .map(({ name }) => name)
  .toSorted((one, other) => Number(other === STANDARD_LANGUAGE) - Number(one === STANDARD_LANGUAGE))

/**
 * Reads every text once, and puts the operator's own ones in their places. A language that is the operator's alone has the English texts
 * where it has none, and its own name.
 */
export const openTexts = (own: ReadonlyMap<Language, Words> = new Map()): Texts => {
  const languages = [...new Set([...COMPLETE_LANGUAGES, ...own.keys()])]
  const ownIn = (language: Language): Words => own.get(language) ?? new Map()
  const standard = new Map([...readTexts(STANDARD_LANGUAGE), ...ownIn(STANDARD_LANGUAGE)])
  const wordsIn = (language: Language): Words => {
    const others: Words = COMPLETE_LANGUAGES.includes(language)
      ? readTexts(language)
      : new Map([...standard, ['layout.language', piecesOf(nameOf(language))]])
    return new Map([...others, ...ownIn(language)])
  }
  const voices = new Map(languages.map(language => [language, createSay(wordsIn(language))]))
  return { languages, sayIn: language => voices.get(language) ?? createSay(standard) }
}

/** ECMA-402 §12 – What a language calls itself. */
const nameOf = (language: Language): string =>
  new Intl.DisplayNames([language], { type: 'language' }).of(language) ?? language

const createSay =
  (texts: Words): Say =>
  (key, ...[values = {}]) => {
    const pieces = texts.get(key) ?? []
    return { html: pieces.map((piece, index) => (index % 2 === 0 ? piece : fill(values, piece))).join('') }
  }

const fill = (values: Readonly<Record<string, Part>>, name: string): string =>
  html`${values[name] ?? null}`.html

const GAP = /\{(\w+)\}/

/** The text may hold no markup: it is escaped. */
export const piecesOf = (text: string): Pieces =>
  text.split(GAP).map((piece, index) => (index % 2 === 0 ? escapeHtml(piece) : piece))

/** What is wrong with a text that is to have these gaps; null for nothing. */
export const judgeText = (text: string, gaps: readonly string[]): string | null => {
  if (text.trim() === '') return 'is empty'
  const parts = text.split(GAP)
  const wrong = parts.find((part, index) => (index % 2 === 0 ? /[{}]/.test(part) : !gaps.includes(part)))
  if (wrong === undefined) return null
  const may =
    gaps.length === 0 ? 'it has none' : `those of this text are ${gaps.map(gap => `{${gap}}`).join(' and ')}`
  return `has a gap in braces that nothing fills; ${may}`
}

const FILE = z.record(z.string(), z.string())

const readTexts = (language: Language): Words =>
  new Map(
    Object.entries(GAPS).flatMap(([file, keys]) => {
      const path = `${language}/${file}.json`
      const given = FILE.parse(JSON.parse(readFileSync(new URL(path, PAGE_TEMPLATES), 'utf8')))
      return Object.entries(keys).map(([key, gaps]) => {
        const fault = judgeText(given[key] ?? '', gaps)
        if (fault !== null) throw new Error(`templates/pages/${path}: "${key}" ${fault}`)
        return [`${file}.${key}`, piecesOf(given[key] ?? '')] as const
      })
    }),
  )
