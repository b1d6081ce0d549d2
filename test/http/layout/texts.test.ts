import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { judgePassword } from '../../../src/domain/account/password.ts'
import { html } from '../../../src/http/layout/html.ts'
import { openTexts, TEXTS } from '../../../src/http/layout/texts.ts'
import { passwordFaultOf } from '../../../src/http/pages/password-fault.ts'
import { readSources } from '../../support/repository/source.ts'

const TEMPLATES = 'templates/pages'
const KEYS = Object.entries(TEXTS).flatMap(([file, texts]) => Object.keys(texts).map(key => `${file}.${key}`))
const { languages, sayIn } = openTexts()

describe('the texts of the pages', () => {
  it('are there in the languages of the mails, the standard one first', () => {
    expect(languages).toEqual(['en', 'de'])
    expect(readdirSync('templates/mail').toSorted()).toEqual(languages.toSorted())
  })

  it.each(languages)('are all there in %s, and no others', language => {
    const files = readdirSync(join(TEMPLATES, language))
    const keys = files.flatMap(name => {
      const texts: object = JSON.parse(readFileSync(join(TEMPLATES, language, name), 'utf8'))
      return Object.keys(texts).map(key => `${name.replace('.json', '')}.${key}`)
    })
    expect(keys.toSorted()).toEqual(KEYS.toSorted())
  })

  it('are all used', () => {
    const code = readSources('src/http')
      .map(({ text }) => text)
      .join('\n')
    expect(KEYS.filter(key => !code.includes(`'${key}'`))).toEqual([])
  })

  it('are said with what they are filled with, which is text unless it is HTML', () => {
    const say = sayIn('en')
    expect(say('confirm-email.help', { email: '<b>&"' }).html).toContain('Is &#60;b&#62;&#38;&#34; your')
    expect(say('confirm-email.help', { email: html`<b>${'<'}</b>` }).html).toContain('Is <b>&#60;</b> your')
    expect(say('reset-password.hint', { count: 8 }).html).toContain('At least 8 characters')
  })

  it('are the English ones in a language that is not there', () => {
    expect(sayIn('xx')('layout.language')).toEqual({ html: 'English' })
  })

  it.each(languages)('say in %s what is wrong with each password that is refused', language => {
    const refused = ['short', 'x'.repeat(80), 'lantern\0lantern', 'password', 'ada@b.example']
    const faults = refused.map(
      password =>
        judgePassword({
          password,
          email: 'ada@b.example',
          min_characters: 8,
          isCommon: password === 'password',
        }) ?? '',
    )
    const texts = faults.map(fault => passwordFaultOf(sayIn(language), fault).html)
    expect(new Set(texts).size).toBe(refused.length)
    expect(texts.filter(text => text.includes('must'))).toEqual([])
  })
})
