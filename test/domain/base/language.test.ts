import { describe, expect, it } from 'vitest'
import { languageOf, languageOr } from '../../../src/domain/base/language.ts'

describe('RFC 9110 §12.5.4, RFC 4647 §3.4 – the language of a request', () => {
  it.each([
    [undefined, 'en'],
    ['', 'en'],
    ['de', 'de'],
    ['DE-at', 'de'],
    ['en, de', 'en'],
    ['en;q=0.4, de;q=0.5', 'de'],
    ['de;q=0, en;q=0.1', 'en'],
    ['de;q=0', 'en'],
    ['fr, de;q=0.1', 'de'],
    ['*', 'en'],
    ['deu', 'en'],
    ['de;q=2', 'en'],
    ['../../etc/passwd, de\r\nX: y', 'en'],
    [`${'x,'.repeat(100_000)}de`, 'en'],
  ])('%s: %s', (header, language) => {
    expect(languageOf(header)).toBe(language)
  })

  it('falls back to the default when the stored language is not supported', () => {
    expect([null, 'de', 'xx', 'constructor'].map(languageOr)).toEqual(['en', 'de', 'en', 'en'])
  })
})
