/** The tag of a language that the templates have, in lower case: `de`, `pt-br`. */
export type Language = string

/** The language of a person whose languages the templates lack. The templates always have it. */
export const STANDARD_LANGUAGE: Language = 'en'

/** No browser names more; what comes after is not read. */
const RANGES_AT_MOST = 20

/** The language that was stored for an account; the standard one for null. */
export const languageOr = (stored: string | null): Language => stored ?? STANDARD_LANGUAGE

type Wishes = Readonly<{
  /** OpenID Connect Core §3.1.2.1 – Tags in the order of preference, separated by spaces. Goes before the header of the browser. */
  ui_locales?: string | undefined
  accept_language: string | undefined
}>

/** RFC 9110 §12.5.4, RFC 4647 §3.4 – The one of these languages that a person likes best. */
export const chooseLanguage = (
  { ui_locales, accept_language }: Wishes,
  languages: readonly Language[],
): Language => {
  const tags = [
    ...(ui_locales ?? '').slice(0, 1_000).split(' ').slice(0, RANGES_AT_MOST),
    ...rangesOf(accept_language),
  ]
  for (const tag of tags) {
    const language = lookUp(tag.toLowerCase(), languages)
    if (language !== null) return language
  }
  return STANDARD_LANGUAGE
}

/** RFC 4647 §3.4 – The longest beginning of the tag that is one of the languages. */
const lookUp = (tag: string, languages: readonly Language[]): Language | null => {
  if (languages.includes(tag)) return tag
  const end = tag.lastIndexOf('-')
  return end < 1 ? null : lookUp(tag.slice(0, end), languages)
}

/** RFC 9110 §12.5.4 – The tags of the header, the best liked first. */
const rangesOf = (accept_language: string | undefined): readonly string[] =>
  (accept_language ?? '')
    .slice(0, 1_000)
    .split(',')
    .slice(0, RANGES_AT_MOST)
    .map(parseRange)
    .filter(range => range !== null)
    .toSorted((one, other) => other.weight - one.weight)
    .map(range => range.tag)

const parseRange = (range: string): Readonly<{ tag: string; weight: number }> | null => {
  const [, tag, weight = '1'] =
    /^\s*([a-z]{1,8}(?:-[a-z\d]{1,8})*)\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?$/i.exec(range) ?? []
  return tag === undefined || Number(weight) === 0 ? null : { tag, weight: Number(weight) }
}

/** The languages that are written from right to left in the script that they have when their tag names none. */
const FROM_RIGHT_TO_LEFT = new Set(['ar', 'ckb', 'dv', 'fa', 'he', 'ps', 'sd', 'ug', 'ur', 'yi'])

/** HTML Living Standard, "the dir attribute" – The direction in which a language is written. */
export const directionOf = (language: Language): 'ltr' | 'rtl' => {
  const [primary = '', ...rest] = language.split('-')
  if (rest.includes('latn')) return 'ltr'
  return FROM_RIGHT_TO_LEFT.has(primary) || rest.includes('arab') || rest.includes('hebr') ? 'rtl' : 'ltr'
}
