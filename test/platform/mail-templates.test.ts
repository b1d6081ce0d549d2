import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MAILS, type Mail, type MailName } from '../../src/domain/account/mail.ts'
import { createMailPage } from '../../src/http/layout/mail-page.ts'
import { openMailTemplates } from '../../src/platform/mail-templates.ts'
import { BRAND } from '../support/pages/brand.ts'

const NAMES = Object.keys(MAILS) as MailName[]
const LANGUAGES = readdirSync('templates/mail')
const letterOf = openMailTemplates({
  issuer: 'https://id.example',
  brand_name: 'Acme',
  own: new Map(),
  dress: createMailPage({ ...BRAND, name: 'Acme' }),
})

describe('the templates of mails', () => {
  it.each(LANGUAGES)('exist in %s for every mail, and for no other name', language => {
    expect(readdirSync(`templates/mail/${language}`).toSorted()).toEqual(
      NAMES.map(name => `${name}.txt`).toSorted(),
    )
  })

  it.each(NAMES.flatMap(name => LANGUAGES.map(language => [name, language] as const)))(
    '%s uses every value of its mail, in lines of at most 78 characters, in %s',
    (name, language) => {
      const text = readFileSync(`templates/mail/${language}/${name}.txt`, 'utf8')
      const used = new Set([...text.matchAll(/\{\{(\w+)\}\}/g)].map(match => match[1]))
      expect(used).toEqual(new Set([...MAILS[name], 'host', 'brand']))
      expect(text.split('\n').filter(line => line.length > 78)).toEqual([])
    },
  )

  it('fall back to English for a language without templates', () => {
    const mail = { name: 'email-changed', to: 'a@b.example', account_id: '1', values: { at: 'now' } } as const
    expect(letterOf({ ...mail, language: 'xx' })).toEqual(letterOf({ ...mail, language: 'en' }))
    expect(letterOf({ ...mail, language: '../en' })).toEqual(letterOf({ ...mail, language: 'en' }))
  })

  it('insert a value as plain text on one line', () => {
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
