import { describe, expect, it } from 'vitest'
import { chooseLanguage, directionOf, languageOr } from '../../../src/domain/base/language.ts'

const LANGUAGES = ['en', 'de', 'pt-br', 'ar']

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
    ['pt-BR, de', 'pt-br'],
    ['pt-BR-x-old, de', 'pt-br'],
    ['pt-PT, de', 'de'],
    ['pt, de', 'de'],
    ['*', 'en'],
    ['deu', 'en'],
    ['de;q=2', 'en'],
    ['../../etc/passwd, de\r\nX: y', 'en'],
    [`${'x,'.repeat(100_000)}de`, 'en'],
  ])('%s: %s', (accept_language, language) => {
    expect(chooseLanguage({ accept_language }, LANGUAGES)).toBe(language)
  })

  it('is the stored one, or the default where none was stored', () => {
    expect([null, 'de', 'xx'].map(languageOr)).toEqual(['en', 'de', 'xx'])
  })
})

describe('OpenID Connect Core §3.1.2.1 – ui_locales', () => {
  it.each([
    ['de', 'de'],
    ['fr-CA de en', 'de'],
    ['de-AT en', 'de'],
    ['fr', 'ar'],
    ['', 'ar'],
    ['constructor __proto__', 'ar'],
    ['../../etc/passwd', 'ar'],
    [`${'x '.repeat(100_000)}de`, 'ar'],
  ])('%s goes before the header of the browser: %s', (ui_locales, language) => {
    expect(chooseLanguage({ ui_locales, accept_language: 'ar' }, LANGUAGES)).toBe(language)
  })
})

describe('HTML Living Standard, "the dir attribute"', () => {
  it.each([
    ['en', 'ltr'],
    ['de', 'ltr'],
    ['ar', 'rtl'],
    ['ar-eg', 'rtl'],
    ['he', 'rtl'],
    ['ar-latn', 'ltr'],
    ['uz-arab', 'rtl'],
    ['arn', 'ltr'],
  ])('%s is written %s', (language, direction) => {
    expect(directionOf(language)).toBe(direction)
  })
})
