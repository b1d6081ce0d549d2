/** The languages of mails and pages. The first one is the default. */
export const LANGUAGES = ['en', 'de'] as const
export type Language = (typeof LANGUAGES)[number]

const [STANDARD] = LANGUAGES
/** Language ranges that are read. No browser sends more. */
const RANGES_AT_MOST = 20

/** The stored language if it is still supported, else the default. */
export const languageOr = (stored: string | null): Language =>
  LANGUAGES.find(language => language === stored) ?? STANDARD

/** RFC 9110 §12.5.4, RFC 4647 §3.4 – The supported language that the request prefers, else the default. */
export const languageOf = (accept_language: string | undefined): Language => {
  const ranges = (accept_language ?? '').slice(0, 1_000).split(',').slice(0, RANGES_AT_MOST).map(parseRange)
  const [best] = ranges.filter(range => range !== null).toSorted((one, other) => other.weight - one.weight)
  return best?.language ?? STANDARD
}

const parseRange = (range: string): Readonly<{ language: Language; weight: number }> | null => {
  const [, tag, weight = '1'] =
    /^\s*([a-z]{1,8})(?:-[a-z\d]{1,8})*\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?$/i.exec(range) ?? []
  const language = LANGUAGES.find(language => language === tag?.toLowerCase())
  return language === undefined || Number(weight) === 0 ? null : { language, weight: Number(weight) }
}
