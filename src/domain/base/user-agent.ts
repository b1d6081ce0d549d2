import { type Language, STANDARD_LANGUAGE } from './language.ts'

/** What a User-Agent says it is, the more particular first: most of them claim to be several of those below. */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\b(?:OPR|OPT|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bVersion\/\S+ .*\bSafari\//, 'Safari'],
  [/^curl\//, 'curl'],
  [/^(?:okhttp|Dalvik)\//, 'An application'],
  [/\bCFNetwork\//, 'An application'],
]
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'an iPhone'],
  [/\biPad\b/, 'an iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMacintosh\b/, 'a Mac'],
  [/\bLinux\b/, 'Linux'],
]

/**
 * RFC 9110 §10.1.5 – The device in words, for the list of sign-ins. Ours: built of these words alone, so that nobody can write
 * into somebody else's list; what a User-Agent says is a claim, and no more is made of it than a hint.
 */
export const describeDevice = (user_agent: string | null, language: Language = STANDARD_LANGUAGE): string => {
  const { on, program: unnamed, unknown, translate } = WORDS.get(language) ?? ENGLISH
  const program = wordFor(user_agent ?? '', PROGRAMS)
  const system = wordFor(user_agent ?? '', SYSTEMS)
  if (program === undefined && system === undefined) return unknown
  const words = [program ?? unnamed, system].filter(word => word !== undefined)
  return words.map(translate).join(on)
}

/** The few words between and around the names. */
const ENGLISH = {
  on: ' on ',
  program: 'A program',
  unknown: 'An unknown device',
  translate: (words: string): string => words,
}
const GERMAN: typeof ENGLISH = {
  on: ' auf ',
  program: 'Ein Programm',
  unknown: 'Ein unbekanntes Gerät',
  translate: words =>
    words.replace(/^An application$/, 'Eine Anwendung').replace(/^an? (?=iPhone|iPad|Mac)/, 'einem '),
}
/** A language without words of its own has the English ones. */
const WORDS: ReadonlyMap<Language, typeof ENGLISH> = new Map([['de', GERMAN]])

const wordFor = (text: string, words: typeof PROGRAMS): string | undefined =>
  words.find(([pattern]) => pattern.test(text))?.[1]
