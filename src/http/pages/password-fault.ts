import type { Html } from '../layout/html.ts'
import type { Say } from '../layout/texts.ts'

type Fault = readonly [pattern: RegExp, inWords: (say: Say, count: string) => Html]

/** What the account API says of a password (src/domain/account/password.ts), for the person who chose it. */
const FAULTS: readonly Fault[] = [
  [/^must be (\d+) characters or more$/, (say, count) => say('reset-password.too_short', { count })],
  [/^must be (\d+) bytes of UTF-8 at most$/, (say, count) => say('reset-password.too_long', { count })],
  [/^must not hold a NUL character$/, say => say('reset-password.unusable')],
  [/^must not be one of the most common passwords$/, say => say('reset-password.common')],
  [/^must not be made of the e-mail or the name of the product$/, say => say('reset-password.guessable')],
]

export const passwordFaultOf = (say: Say, detail: string): Html => {
  for (const [pattern, inWords] of FAULTS) {
    const match = pattern.exec(detail)
    if (match !== null) return inWords(say, match[1] ?? '')
  }
  throw new Error(`no words for a password that ${detail}`)
}
