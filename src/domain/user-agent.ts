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
export const describeDevice = (user_agent: string | null): string => {
  const program = wordFor(user_agent ?? '', PROGRAMS)
  const system = wordFor(user_agent ?? '', SYSTEMS)
  if (program === undefined) return system === undefined ? 'An unknown device' : `A program on ${system}`
  return system === undefined ? program : `${program} on ${system}`
}

const wordFor = (text: string, words: typeof PROGRAMS): string | undefined =>
  words.find(([pattern]) => pattern.test(text))?.[1]
