import { z } from 'zod'
import type { Language } from '../../domain/base/language.ts'
import { nearestWord } from '../../domain/base/nearest-word.ts'
import type { TemplateFile } from '../../ports/templates.ts'
import { judgeText, piecesOf, TEXTS, type Words } from './texts.ts'

type OwnTexts = Readonly<{
  words: ReadonlyMap<Language, Words>
  /** Sentences for the operator. */
  faults: readonly string[]
}>

/** The keys of each file, and the gaps of each text. */
const GAPS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = TEXTS

/** Texts of all pages. */
export const TEXT_COUNT = Object.values(GAPS).flatMap(keys => Object.keys(keys)).length

/**
 * Ours – The operator's own texts: each file has the keys that it changes, and no other. A text is never markup, and has no gap but those
 * that the page fills.
 */
export const judgeOwnTexts = (files: readonly TemplateFile[]): OwnTexts => {
  const judged = files.map(file => ({ ...file, ...judgeFile(file) }))
  const languages = new Set(files.map(({ language }) => language))
  const wordsIn = (language: Language): Words =>
    new Map(
      judged
        .filter(file => file.language === language)
        .flatMap(({ name, texts }) =>
          Object.entries(texts).map(([key, text]) => [`${name}.${key}`, piecesOf(text)] as const),
        ),
    )
  return {
    words: new Map([...languages].map(language => [language, wordsIn(language)])),
    faults: judged.flatMap(({ path, faults }) => faults.map(fault => `${path}: ${fault}`)),
  }
}

type Judged = Readonly<{ texts: Readonly<Record<string, string>>; faults: readonly string[] }>

const FILE = z.record(z.string(), z.string())

const judgeFile = ({ name, text }: TemplateFile): Judged => {
  const gaps = valueAt(GAPS, name)
  if (gaps === undefined)
    return { texts: {}, faults: [`there is no page ${name}${meant(name, Object.keys(GAPS))}`] }
  const { data: texts } = FILE.safeParse(parseJson(text))
  if (texts === undefined) return { texts: {}, faults: ['must be a JSON object of texts'] }
  const faults = Object.entries(texts).map(([key, value]) => {
    const those = valueAt(gaps, key)
    if (those === undefined) return `there is no text ${key}${meant(key, Object.keys(gaps))}`
    const fault = judgeText(value, those)
    return fault === null ? null : `${key} ${fault}`
  })
  return { texts, faults: faults.filter(fault => fault !== null) }
}

/** Own keys alone: every object inherits keys such as `constructor`. */
const valueAt = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined

const meant = (given: string, known: readonly string[]): string => {
  const nearest = nearestWord(given, known)
  return nearest === null ? '' : `; did you mean ${nearest}?`
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
