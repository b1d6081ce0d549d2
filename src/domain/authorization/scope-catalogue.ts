import { type Language, STANDARD_LANGUAGE } from '../base/language.ts'

/** A text in every language that the file gives it in. */
export type ScopeWords = ReadonlyMap<Language, string>

/** What SCOPES_FILE says of a scope. */
export type ScopeEntry = Readonly<{
  /** Null for a scope of OpenID Connect that keeps the words that the pages have for it. */
  title: ScopeWords | null
  description: ScopeWords | null
  /** The person may leave it out. */
  isOptional: boolean
  /** Of an optional scope: its box is ticked when the person first sees it. */
  isTicked: boolean
}>

/** Ours – The scopes that people are told of in the operator's words. A scope without an entry is shown as it is, and is not optional. */
export type ScopeCatalogue = ReadonlyMap<string, ScopeEntry>

/** RFC 4647 §3.4 – The text in a language or its parent, else in the standard language, else in the first one that the file has. */
export const wordsIn = (words: ScopeWords, language: Language): string => {
  const own = words.get(language) ?? words.get(language.split('-', 1).join())
  return own ?? words.get(STANDARD_LANGUAGE) ?? [...words.values()].slice(0, 1).join()
}
