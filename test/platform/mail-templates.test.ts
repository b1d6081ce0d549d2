import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MAILS, type Mail, type MailName } from '../../src/domain/account/mail.ts'
import { LANGUAGES, languageOf, languageOr } from '../../src/domain/base/language.ts'
import { describeDevice } from '../../src/domain/base/user-agent.ts'
import { openMailTemplates } from '../../src/platform/mail-templates.ts'

const NAMES = Object.keys(MAILS) as MailName[]
const letterOf = openMailTemplates({ issuer: 'https://id.example' })

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

  it('that was stored may be none of ours', () => {
    expect([null, 'de', 'xx', 'constructor'].map(languageOr)).toEqual(['en', 'de', 'en', 'en'])
  })
})

describe('a device in words', () => {
  it.each([
    [null, 'An unknown device', 'Ein unbekanntes Gerät'],
    ['curl/8', 'curl', 'curl'],
    ['okhttp/5', 'An application', 'Eine Anwendung'],
    ['Robot (Macintosh)', 'A program on a Mac', 'Ein Programm auf einem Mac'],
    ['Firefox/140 (X11; Linux)', 'Firefox on Linux', 'Firefox auf Linux'],
  ])('%s', (user_agent, english, german) => {
    expect(describeDevice(user_agent)).toBe(english)
    expect(describeDevice(user_agent, 'de')).toBe(german)
  })
})

describe('the templates', () => {
  it.each(LANGUAGES)('are all there in %s, and no others', language => {
    expect(readdirSync(`templates/mail/${language}`).toSorted()).toEqual(
      NAMES.map(name => `${name}.txt`).toSorted(),
    )
  })

  it.each(NAMES.flatMap(name => LANGUAGES.map(language => [name, language] as const)))(
    '%s says all that it is told, in lines that fit, in %s',
    (name, language) => {
      const text = readFileSync(`templates/mail/${language}/${name}.txt`, 'utf8')
      const used = new Set([...text.matchAll(/\{\{(\w+)\}\}/g)].map(match => match[1]))
      expect(used).toEqual(new Set([...MAILS[name], 'host']))
      expect(text.split('\n').filter(line => line.length > 78)).toEqual([])
    },
  )

  it('take what is put in for text in one line', () => {
    const device = 'x\r\nBcc: victim@b.example\n\u2028{{ip}}\u202e<script>'
    const mail: Mail = {
      name: 'new-device',
      language: 'en',
      to: 'a@b.example',
      account_id: '1',
      values: { at: 'now', device, ip: '198.51.100.1' },
    }
    const { text } = letterOf(mail)
    expect(text).toContain('  device:  x  Bcc: victim@b.example  {{ip}} <script>\n')
  })
})
