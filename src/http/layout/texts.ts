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
    wait_title: [],
    wait_help: ['when'],
    mail_off_title: [],
    mail_off_help: [],
    later_title: [],
    later_help: [],
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

/** Three levels up from src/http/pages and from dist/http/pages alike. */
export const PAGE_TEMPLATES = new URL('../../../templates/pages/', import.meta.url)

/** A text between its gaps: text, name, text, name, text. The text is escaped already. */
type Pieces = readonly string[]

/**
 * Reads every text once: a folder a language, in it a JSON file a page. A text that is missing, unknown, or has a gap that nothing fills
 * stops the start.
 */
export const openTexts = (directory: URL = PAGE_TEMPLATES): Texts => {
  const folders = readdirSync(directory, { withFileTypes: true }).filter(entry => entry.isDirectory())
  const languages = folders
    .map(({ name }) => name)
    .toSorted((one, other) => Number(other === STANDARD_LANGUAGE) - Number(one === STANDARD_LANGUAGE))
  const voices = new Map(languages.map(language => [language, createSay(readTexts(directory, language))]))
  return {
    languages,
    sayIn: language => {
      const say = voices.get(language) ?? voices.get(STANDARD_LANGUAGE)
      if (say === undefined) throw new Error(`no texts in ${language}`)
      return say
    },
  }
}

const createSay =
  (texts: ReadonlyMap<string, Pieces>): Say =>
  (key, ...[values = {}]) => {
    const pieces = texts.get(key) ?? []
    return { html: pieces.map((piece, index) => (index % 2 === 0 ? piece : fill(values, piece))).join('') }
  }

const fill = (values: Readonly<Record<string, Part>>, name: string): string =>
  html`${values[name] ?? null}`.html

const FILE = z.record(z.string(), z.string())

const readTexts = (directory: URL, language: Language): ReadonlyMap<string, Pieces> => {
  const texts = new Map<string, Pieces>()
  for (const [file, keys] of Object.entries<Readonly<Record<string, readonly string[]>>>(TEXTS)) {
    const path = `${language}/${file}.json`
    const given = FILE.parse(JSON.parse(readFileSync(new URL(path, directory), 'utf8')))
    const unknown = Object.keys(given).filter(key => keys[key] === undefined)
    if (unknown.length > 0)
      throw new Error(`templates/pages/${path} has unknown texts: ${unknown.join(', ')}`)
    for (const [key, names] of Object.entries(keys)) {
      const pieces = (given[key] ?? '').split(/\{(\w+)\}/)
      const gaps = pieces.filter((_, index) => index % 2 === 1)
      if (!given[key] || gaps.some(gap => !names.includes(gap)))
        throw new Error(
          `templates/pages/${path}: "${key}" is missing, or has a gap that is not one of: ${names.join(', ')}`,
        )
      texts.set(
        `${file}.${key}`,
        pieces.map((piece, index) => (index % 2 === 0 ? escapeHtml(piece) : piece)),
      )
    }
  }
  return texts
}
