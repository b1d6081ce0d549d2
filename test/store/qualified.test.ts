import { describe, expect, it } from 'vitest'
import { TABLES } from '../../src/store/schema/privileges.ts'
import { readSources } from '../support/source.ts'

const NAMES = TABLES.join('|')
const BEFORE = 'from|join|into|update|table|using|only|truncate|lock'
/** A table after the word that asks for one, further in a list of tables, or handed to the tag as an identifier. */
const UNQUALIFIED = [
  new RegExp(String.raw`\b(?:${BEFORE})\s+(?:${NAMES})\b(?!\.)`),
  new RegExp(String.raw`\b(?:from|using)\s+[\w.]+(?:\s+(?:as\s+)?\w+)?\s*,\s*(?:${NAMES})\b(?!\.)`),
  new RegExp(String.raw`\b(?:${BEFORE})\s+\$\{sql\(`),
]
/** A member of a statement that has a table's name would be qualified as one. */
const HIDING = new RegExp(String.raw`\b(?:${NAMES})\s+as\s+(?:not\s+)?(?:materialized\s+)?\(`)

describe('every statement', () => {
  const sources = readSources('src').filter(
    // What drizzle-kit reads, and the list of migrations, whose table is elsewhere.
    ({ path, text }) => !text.includes('pgTable(') && !/schema\/(?:migrate|history|lease)\.ts$/.test(path),
  )

  it.each(UNQUALIFIED)('names its tables with their schema: %s', pattern => {
    expect(sources.filter(({ code }) => pattern.test(code)).map(({ path }) => path)).toEqual([])
  })

  it('names no part of itself as a table', () => {
    expect(sources.filter(({ code }) => HIDING.test(code)).map(({ path }) => path)).toEqual([])
  })

  it('finds what is not qualified', () => {
    for (const text of [
      'select from users',
      'join users u',
      'from account, users u',
      'delete from ${sql(a)}',
    ])
      expect(UNQUALIFIED.some(pattern => pattern.test(text))).toBe(true)
    expect(UNQUALIFIED.some(pattern => pattern.test('select from signet.users where users.id = 1'))).toBe(
      false,
    )
  })
})
