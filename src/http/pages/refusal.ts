import type { Language } from '../../domain/base/language.ts'
import type { ProblemCode } from '../../domain/base/problem.ts'
import { html, type Page } from './layout.ts'
import { TEXTS, type Texts } from './texts.ts'

type Text = keyof Omit<Texts, 'sayFault'>
type Words = Readonly<{ title: Text; help: Text }>

/** What a person can do something about. Everything else passes. */
const WORDS: Readonly<Partial<Record<ProblemCode, Words>>> = {
  LINK_INVALID: { title: 'gone', help: 'goneHelp' },
  EMAIL_TAKEN: { title: 'taken', help: 'takenHelp' },
  ORIGIN_NOT_ALLOWED: { title: 'foreign', help: 'foreignHelp' },
}
const LATER: Words = { title: 'later', help: 'laterHelp' }

/** A refusal, for the person who reads it. */
export const refusalPage = (code: ProblemCode, language: Language): Page => {
  const { title, help } = WORDS[code] ?? LATER
  const texts = TEXTS[language]
  return { language, title: texts[title], content: html`<p>${texts[help]}</p>` }
}
