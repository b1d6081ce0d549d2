import { describe, expect, it } from 'vitest'
import { judgeOwnTexts } from '../../../src/http/layout/own-texts.ts'
import { openTexts } from '../../../src/http/layout/texts.ts'

const file = (language: string, name: string, texts: unknown) => ({
  path: `pages/${language}/${name}.json`,
  language,
  name,
  text: typeof texts === 'string' ? texts : JSON.stringify(texts),
})
const textsWith = (...files: readonly ReturnType<typeof file>[]) => openTexts(judgeOwnTexts(files).words)
const faultsOf = (...files: readonly ReturnType<typeof file>[]) => judgeOwnTexts(files).faults

describe('TEMPLATES_DIR, the texts of pages', () => {
  it('changes one word of a language and leaves its others', () => {
    const { languages, sayIn } = textsWith(file('de', 'sign-in', { title: 'Willkommen' }))
    expect(languages).toEqual(['en', 'de'])
    expect(sayIn('de')('sign-in.title').html).toBe('Willkommen')
    expect(sayIn('de')('sign-in.password').html).toBe('Passwort')
    expect(sayIn('en')('sign-in.title').html).toBe('Sign in')
  })

  it('adds a language, which says in English what its files lack', () => {
    const { languages, sayIn } = textsWith(
      file('ar', 'sign-in', { title: 'تسجيل الدخول' }),
      file('en', 'sign-in', { button: 'Enter' }),
    )
    expect(languages).toEqual(['en', 'de', 'ar'])
    const say = sayIn('ar')
    expect(say('sign-in.title').html).toBe('تسجيل الدخول')
    expect(say('sign-in.password').html).toBe('Password')
    expect(say('sign-in.button').html).toBe('Enter')
  })

  it('calls a language by its own name, unless its files have another', () => {
    const { sayIn } = textsWith(
      file('ar', 'sign-in', {}),
      file('pt-br', 'layout', { language: 'Português daqui' }),
    )
    expect(sayIn('ar')('layout.language').html).toBe('العربية')
    expect(sayIn('pt-br')('layout.language').html).toBe('Português daqui')
  })

  it('is never markup', () => {
    const { sayIn } = textsWith(file('en', 'sign-in', { title: '<script>alert(1)</script>' }))
    expect(sayIn('en')('sign-in.title').html).toBe('&#60;script&#62;alert(1)&#60;/script&#62;')
  })

  it('may leave a gap out, and use it twice', () => {
    const { sayIn } = textsWith(file('en', 'consent', { run_by: '{host} – {host}' }))
    expect(sayIn('en')('consent.run_by', { owner: 'A', host: 'b.example' }).html).toBe(
      'b.example – b.example',
    )
  })

  it.each([
    [file('ar', 'signin', {}), 'there is no page signin; did you mean sign-in?'],
    [file('ar', 'constructor', {}), 'there is no page constructor'],
    [file('ar', 'sign-in', { buton: 'x' }), 'there is no text buton; did you mean button?'],
    [file('ar', 'sign-in', { constructor: 'x' }), 'there is no text constructor'],
    [file('ar', 'sign-in', { title: ' ' }), 'title is empty'],
    [
      file('ar', 'sign-in', { wait: 'in {time}' }),
      'wait has a gap in braces that nothing fills; those of this text are {when}',
    ],
    [
      file('ar', 'sign-in', { wait: 'in { when }' }),
      'wait has a gap in braces that nothing fills; those of this text are {when}',
    ],
    [
      file('ar', 'sign-in', { title: '{brand}' }),
      'title has a gap in braces that nothing fills; it has none',
    ],
    [file('ar', 'sign-in', { title: 1 }), 'must be a JSON object of texts'],
    [file('ar', 'sign-in', ['x']), 'must be a JSON object of texts'],
    [file('ar', 'sign-in', '{"title": "x",}'), 'must be a JSON object of texts'],
  ])('%j is refused', (wrong, fault) => {
    expect(faultsOf(wrong)).toEqual([`${wrong.path}: ${fault}`])
  })

  it('is refused with every fault at once', () => {
    const wrong = file('ar', 'sign-in', { titel: 'x', button: '' })
    expect(faultsOf(wrong, file('fr', 'x', {}))).toHaveLength(3)
  })
})
